// The views beside the first one.
import { act, ask, card, list, make, say, show } from "/page.js";

const bytes = (n) => (n >= 1e6 ? (n / 1e6).toFixed(1) + " MB" : Math.ceil(n / 1e3) + " kB");

export async function wifi() {
  const form = make("form");
  const ssid = make("input", { id: "ssid", maxLength: 32, autocapitalize: "off", autocomplete: "off", required: true });
  const key = make("input", { id: "key", type: "password", maxLength: 64, autocomplete: "off" });
  form.append(make("label", { htmlFor: "ssid", textContent: "Network" }), ssid,
    make("label", { htmlFor: "key", textContent: "Password" }), key,
    make("button", { className: "main", textContent: "Join" }));
  form.onsubmit = (event) => act(event, async () => {
    await ask("wifi", { ssid: ssid.value, key: key.value });
    say("Saved. The device joins " + ssid.value + ". Connect this phone to the same network and open http://fieldrec.local" +
      " within 10 minutes. If the network can't be joined, the device's own one comes back.");
  });
  const found = make("ul");
  const scan = make("button", { textContent: "Look for networks" });
  scan.onclick = (event) => act(event, async () => {
    const answer = await ask("wifi");
    found.replaceChildren(...answer.networks.map((n) => make("li", {}, make("button", { type: "button",
      onclick: () => { ssid.value = n.ssid; key.focus(); } }, n.ssid,
      make("span", { textContent: (n.locked ? "locked, " : "open, ") + n.dbm + " dBm" })))));
    if (!answer.networks.length) say("No network in reach.");
  });
  return [card("Networks in reach", found, scan), card("Join a network", form)];
}

export async function settings() {
  const answer = await ask("settings");
  return [card("Settings", ...answer.settings.map(setting))];
}

function setting({ name, value, default: standard, valid }) {
  const kind = typeof standard;
  const type = name === "wifi_key" ? "password" : { boolean: "checkbox", number: "number" }[kind] || "text";
  const input = make("input", { id: name, type, autocomplete: "off" });
  if (kind === "boolean") input.checked = value;
  else input.value = value ?? "";
  if (value === null) input.placeholder = "set, and not shown";
  const form = make("form", { className: "setting", noValidate: true },
    make("label", { htmlFor: name, textContent: name }),
    make("div", { className: "row" }, input, make("button", { textContent: "Save" })),
    make("p", { className: "quiet", textContent: valid + (standard === "" ? "" : "; default " + standard) }));
  form.onsubmit = (event) => act(event, async () => {
    const wanted = { boolean: () => input.checked, number: () => (input.value === "" ? null : Number(input.value)) }[kind];
    await ask("settings", { name, value: wanted ? wanted() : input.value });
    say(name + " is saved.");
  });
  return form;
}

export async function recordings() {
  const answer = await ask("recordings");
  const number = (name) => Number(name.split("-").pop());
  const names = answer.recordings.map((r) => r.name).sort((a, b) => number(b) - number(a));
  const rows = names.map((name) => make("li", {}, make("button", { onclick: () => show(() => files(name)) }, name, make("span", { textContent: "open" }))));
  return [card("Recordings", names.length ? make("ul", {}, ...rows) : make("p", { className: "quiet", textContent: "None yet." }))];
}

async function files(session) {
  const answer = await ask("recordings/" + session);
  const rows = answer.files.sort((a, b) => (a.name < b.name ? -1 : 1)).map((f) => make("li", {}, make("a", {
    href: "/api/recordings/" + session + "/" + f.name, download: session + "-" + f.name }, f.name, make("span", { textContent: bytes(f.bytes) }))));
  return [card(session, make("ul", {}, ...rows)), make("button", { textContent: "Back", onclick: () => show(recordings) })];
}

export async function log() {
  const answer = await ask("log");
  return [card("Log, newest first", make("pre", { textContent: answer.lines.reverse().join("\n") }))];
}

export async function firmware() {
  const f = await ask("firmware");
  const slots = f.slots.map((s) => ["Slot " + s.slot + (s.slot === f.slot ? ", running" : ""), s.version || "empty"]);
  return [card("Firmware", list([["App", f.versions.app], ["MicroPython", f.versions.runtime], ["State", f.state],
    ...slots, ["Security floor", f.security_floor], ["Last reason", f.reason || "none"]]))];
}
