// A file dropped on an upload button goes the way of one that was chosen in its dialogue: the button
// opens the dialogue by clicking on an input of its own, which is given the dropped files instead.
(() => {
  if (window.lipsDrop) {
    return;
  }
  window.lipsDrop = true;
  let dropped = null;
  const open = HTMLInputElement.prototype.click;

  HTMLInputElement.prototype.click = function () {
    if (!dropped || this.type !== "file") {
      return open.call(this);
    }
    this.files = dropped;
    dropped = null;
    this.dispatchEvent(new Event("change"));
  };

  const zone = (event) => event.target.closest?.(".lips-drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      const button = zone(event);
      if (!button) {
        return;
      }
      event.preventDefault();
      button.classList.toggle("lips-over", name === "dragenter" || name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) {
        dropped = event.dataTransfer.files;
        button.click();
        dropped = null;
      }
    });
  }
})();
