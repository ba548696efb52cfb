// A page that the server writes. New HTML is merged into what is there, so that focus, caret, scroll and
// transitions live on. What a person does goes back as one event: `do`, with what the element and its form say.

const TYPING_MS = 250;
const THEMES = ["auto", "light", "dark"];

const key = (node) => node.id || node.dataset?.key || "";

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && key(old) === key(fresh);
}

// The sibling from `at` on that `fresh` is a newer version of.
function found(at, fresh) {
  if (!key(fresh)) return at && alike(at, fresh) ? at : null;
  for (let node = at; node; node = node.nextSibling) if (alike(node, fresh)) return node;
  return null;
}

function mergeAttributes(old, fresh) {
  const mine = old.matches("details, dialog") ? ["open"] : [];
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !mine.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) === value || mine.includes(name)) continue;
    old.setAttribute(name, value);
    if (name === "value" && "value" in old && old !== document.activeElement) old.value = value;
  }
  if (old.matches("input[type=checkbox], input[type=radio]")) old.checked = fresh.hasAttribute("checked");
}

function merge(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  mergeAttributes(old, fresh);
  if (old.dataset.keep !== undefined) return;
  mergeChildren(old, fresh);
  if (old.nodeName === "SELECT" && old !== document.activeElement) {
    const chosen = [...old.options].findIndex((each) => each.hasAttribute("selected"));
    old.selectedIndex = Math.max(0, chosen);
  }
}

function mergeChildren(old, fresh) {
  let at = old.firstChild;
  for (const want of [...fresh.childNodes]) {
    const same = found(at, want);
    if (!same) {
      old.insertBefore(want, at);
    } else {
      if (same !== at) old.insertBefore(same, at);
      merge(same, want);
      at = same.nextSibling;
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function fields(form, button) {
  const said = {};
  for (const [name, value] of new FormData(form, button)) {
    said[name] = name in said ? [].concat(said[name], value) : value;
  }
  return said;
}

function showTheme() {
  const theme = localStorage.getItem("theme") ?? "auto";
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-next]")) {
    button.setAttribute("aria-label", `Colours: ${theme}. Change`);
    button.dataset.theme = theme;
  }
}

export default {
  template: `<div class="live"></div>`,
  props: { html: String },
  emits: ["do"],
  watch: { html: "show" },
  mounted() {
    const on = (name, handler, options) => this.$el.addEventListener(name, handler.bind(this), options);
    on("click", this.clicked);
    on("submit", this.submitted);
    on("input", this.typed);
    on("change", this.changed);
    on("cancel", this.closed, true);
    for (const name of ["dragover", "dragleave", "drop"]) on(name, this.dragged);
    this.onKey = this.pressed.bind(this);
    document.addEventListener("keydown", this.onKey);
    this.show();
  },
  unmounted() {
    document.removeEventListener("keydown", this.onKey);
  },
  methods: {
    show() {
      const fresh = document.createElement("template");
      fresh.innerHTML = this.html;
      mergeChildren(this.$el, fresh.content);
      for (const dialog of this.$el.querySelectorAll("dialog:not([open])")) {
        dialog.showModal();
        dialog.querySelector("[autofocus]")?.focus();
      }
      showTheme();
    },
    tell(said) {
      this.$emit("do", said);
    },
    clicked(event) {
      const theme = event.target.closest("[data-theme-next]");
      if (theme) {
        const now = THEMES.indexOf(localStorage.getItem("theme") ?? "auto");
        localStorage.setItem("theme", THEMES[(now + 1) % THEMES.length]);
        return showTheme();
      }
      const copy = event.target.closest("[data-copy]");
      if (copy) {
        const done = navigator.clipboard?.writeText(copy.dataset.copy);
        return done?.then(() => copy.classList.add("copied"));
      }
      if (event.target.matches("dialog")) return this.tell({ do: "close" });
      const button = event.target.closest("[data-do]");
      if (!button || button.matches("form, input, select")) return;
      event.preventDefault();
      this.tell({ ...button.dataset });
    },
    submitted(event) {
      const form = event.target.closest("form");
      if (!form.dataset.do && !form.dataset.live) return;
      event.preventDefault();
      clearTimeout(this.typing);
      this.tell({ ...form.dataset, do: form.dataset.do ?? form.dataset.live, ...fields(form, event.submitter) });
    },
    typed(event) {
      this.filled(event.target.form, TYPING_MS);
    },
    // Told when nothing more has come for so long.
    filled(form, afterMs) {
      if (!form?.dataset.live) return;
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.tell({ do: form.dataset.live, ...fields(form) }), afterMs);
    },
    changed(event) {
      if (event.target.matches("[data-upload] input[type=file]")) {
        this.upload(event.target.closest("[data-upload]"), [...event.target.files]);
        event.target.value = "";
      } else if (event.target.matches("select, input[type=checkbox], input[type=radio]")) {
        this.filled(event.target.form, 0);
      }
    },
    closed(event) {
      event.preventDefault();
      this.tell({ do: "close" });
    },
    pressed(event) {
      const typing = event.target.closest?.("input, textarea, select, dialog");
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        const search = this.$el.querySelector("[data-search]");
        if (search) {
          event.preventDefault();
          search.focus();
        }
      } else if (event.key === "j" || event.key === "k") {
        const links = [...this.$el.querySelectorAll("tbody a.whole")];
        const at = links.indexOf(document.activeElement) + (event.key === "j" ? 1 : -1);
        links[Math.max(0, Math.min(at, links.length - 1))]?.focus();
      }
    },
    dragged(event) {
      const zone = event.target.closest("[data-upload]");
      if (!zone) return;
      event.preventDefault();
      zone.classList.toggle("over", event.type === "dragover");
      if (event.type === "drop") this.upload(zone, [...event.dataTransfer.files]);
    },
    async upload(zone, files) {
      for (const file of files) {
        const answer = await this.sent(zone, file);
        this.tell({ do: "uploaded", name: file.name, ...answer });
      }
    },
    // {status, text}: the server's answer, 0 if there was none.
    sent(zone, file) {
      const bar = zone.querySelector("progress");
      const words = zone.querySelector("[data-words]");
      const before = words.textContent;
      zone.classList.add("busy");
      return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.upload.onprogress = ({ loaded, total }) => {
          bar.value = loaded / total;
          const pct = Math.floor((100 * loaded) / total);
          words.textContent = pct < 100 ? `${file.name}: ${pct} %` : `${file.name}: signatures and hashes are checked`;
        };
        request.onloadend = () => {
          zone.classList.remove("busy");
          words.textContent = before;
          resolve({ status: request.status, text: request.responseText });
        };
        request.open("POST", zone.dataset.upload);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.send(file);
      });
    },
  },
};
