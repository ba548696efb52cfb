// The local page: draws what /api says. Text from the device is only ever set as text, never as HTML.
const main = document.getElementById("main");
const note = document.getElementById("note");
let csrf = "";
let shown = 0; // counts the views, so that an answer for one that was left is dropped

export function make(tag, fields = {}, ...children) {
  const node = Object.assign(document.createElement(tag), fields);
  node.append(...children);
  return node;
}

export function say(text, bad) {
  note.textContent = text;
  note.className = bad ? "bad" : "";
  note.hidden = !text;
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// One request at a time: the device serves few. Busy (503) is tried again.
let queue = Promise.resolve();
export function ask(path, body) {
  const answer = queue.then(() => send(path, body));
  queue = answer.catch(() => {});
  return answer;
}

async function send(path, body, tries = 5) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRF": csrf } };
  let response;
  try {
    response = await fetch("/api/" + path, options);
  } catch {
    throw new Error("The device does not answer. Its page may be closed: hold the power key for 3 s.");
  }
  if (response.status === 503 && tries > 1) {
    await later(400);
    return send(path, body, tries - 1);
  }
  const data = await response.json().catch(() => ({}));
  if (response.ok) return data;
  if (response.status === 401 && path !== "login") start();
  throw Object.assign(new Error(data.error || "status " + response.status), data);
}

const minutes = (s) => (s >= 3600 ? Math.floor(s / 3600) + " h " : "") + Math.floor((s % 3600) / 60) + " min";
export const card = (title, ...nodes) => make("section", {}, make("h2", { textContent: title }), ...nodes);

export function list(pairs) {
  const dl = make("dl");
  for (const [name, value] of pairs)
    dl.append(make("dt", { textContent: name }), make("dd", { textContent: value ?? "unknown" }));
  return dl;
}

async function status() {
  const s = await ask("status");
  const unit = (value, text) => (value == null ? null : text);
  return [card("Status", list([
    ["State", s.state + (s.recording_s == null ? "" : ", " + minutes(s.recording_s))],
    ["Battery", unit(s.vbat_mv, (s.vbat_mv / 1000).toFixed(2) + " V" + (s.soc_pct == null ? "" : ", " + s.soc_pct + " %") + (s.charging ? ", on power" : ""))],
    ["Temperature", unit(s.temp_decic, (s.temp_decic / 10).toFixed(1) + " °C")],
    ["Fault", s.fault || "none"],
    ["Private mode", s.private ? "on" : "off"],
    ["WiFi network", s.ssid || "none yet"],
    ["Version", s.versions.app + " in slot " + s.slot],
    ["Running for", minutes(s.uptime_s)],
  ]))];
}

// -- around them

export async function show(view) {
  const mine = ++shown;
  say("");
  try {
    const nodes = await view();
    if (mine === shown) main.replaceChildren(...nodes);
  } catch (error) {
    if (mine === shown) say(error.message, true);
  }
}

// A button's work: it can't be pressed again meanwhile, and what went wrong is said.
export async function act(event, work) {
  event.preventDefault();
  const button = event.submitter || event.currentTarget;
  button.disabled = true;
  say("");
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  }
  button.disabled = false;
}

function signIn(hello) {
  const pin = make("input", { id: "pin", className: "pin", inputMode: "numeric", autocomplete: "off", maxLength: 16, required: true });
  const form = make("form", {}, make("label", { htmlFor: "pin", textContent: "PIN, from the label of the device" }), pin,
    make("button", { className: "main", textContent: "Sign in" }));
  form.onsubmit = (event) => act(event, async () => {
    try {
      csrf = (await ask("hello")).csrf; // anew: the page may have been closed and opened meanwhile
      csrf = (await ask("login", { pin: pin.value })).csrf;
    } catch (error) {
      pin.value = "";
      if (error.tries_left > 0) error.message += ", " + error.tries_left + (error.tries_left > 1 ? " tries left" : " try left");
      else if (error.tries_left === 0) error.message = "Wrong PIN. Locked for 10 min, or until the WiFi key is pressed again.";
      throw error;
    }
    await start();
  });
  main.replaceChildren(card("Sign in", form));
  document.getElementById("tabs").hidden = true;
  if (hello.locked_s) say("Locked for " + Math.ceil(hello.locked_s / 60) + " min, or until the WiFi key is pressed again.", true);
}

// A view gives the nodes to show; all but the first come with a file of their own, when they are wanted.
const more = (name) => async () => (await import("/views.js"))[name]();
const views = { Status: status, WiFi: more("wifi"), Recordings: more("recordings"), Settings: more("settings"), Log: more("log"),
  Firmware: more("firmware") };

async function start() {
  try {
    const hello = await ask("hello");
    csrf = hello.csrf;
    document.getElementById("device").textContent = hello.device;
    document.getElementById("closes").textContent = "closes in " + Math.ceil(hello.closes_in_s / 60) + " min";
    if (!hello.signed_in) return signIn(hello);
    const tabs = document.getElementById("tabs");
    tabs.replaceChildren(...Object.entries(views).map(([name, view]) => make("button", { textContent: name, onclick: (event) => {
      for (const tab of tabs.children) tab.removeAttribute("aria-current");
      event.currentTarget.setAttribute("aria-current", "page");
      show(view);
    } })));
    tabs.hidden = false;
    tabs.firstChild.click();
  } catch (error) {
    say(error.message, true);
  }
}

start();
