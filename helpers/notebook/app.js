// Upload buttons open their dialogue by clicking on an input of their own. A file that is dropped on
// one goes the same way: the input is given it in place of a dialogue. Until the kernel has taken
// the file, and the button counts none again, the button says that it is on its way.
(() => {
  if (window.lipsDrop) {
    return;
  }
  window.lipsDrop = true;
  let button = null;
  let dropped = null;
  const buttonOf = (event) => event.target.closest?.(".lips-drop");
  const open = HTMLInputElement.prototype.click;

  HTMLInputElement.prototype.click = function () {
    if (this.type !== "file" || !button) {
      return open.call(this);
    }
    const used = button;
    this.addEventListener("change", () => showBusy(used), { once: true });
    if (!dropped) {
      return open.call(this);
    }
    this.files = dropped;
    dropped = null;
    this.dispatchEvent(new Event("change"));
  };

  const showBusy = (used) => {
    used.classList.add("lips-busy");
    const watch = new MutationObserver(() => {
      if (used.textContent.includes("(0)")) {
        used.classList.remove("lips-busy");
        watch.disconnect();
      }
    });
    watch.observe(used, { childList: true, characterData: true, subtree: true });
  };

  document.addEventListener("click", (event) => {
    button = buttonOf(event) ?? null;
  }, true);

  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      const over = buttonOf(event);
      if (!over) {
        return;
      }
      event.preventDefault();
      over.classList.toggle("lips-over", name === "dragenter" || name === "dragover");
      if (name === "drop" && event.dataTransfer.files.length) {
        dropped = event.dataTransfer.files;
        over.click();
        dropped = null;
      }
    });
  }
})();
