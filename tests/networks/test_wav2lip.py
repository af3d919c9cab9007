"""Upstream's network."""

from helpers.networks.wav2lip import Wav2Lip


def test_upstreams_network_has_its_size_and_keys():
    net = Wav2Lip()
    assert (
        sum(p.numel() for p in net.parameters()) == 36_298_035
    )  # models/wav2lip.py of Rudrabha/Wav2Lip at 5c90fa9
    keys = set(net.state_dict())
    assert {
        "face_encoder_blocks.0.0.conv_block.0.weight",
        "audio_encoder.12.conv_block.1.running_mean",
    } <= keys
    assert {"face_decoder_blocks.6.0.conv_block.0.bias", "output_block.1.weight"} <= keys
