// The device as a drawing: what it shows is what the board said; a key that is held tells its page, "down" and "up".

const KEYS = {
  PWR_SW1: { x: 180, y: 262, r: 27, label: "Power key", shortcut: "1" },
  PWR_SW2: { x: 180, y: 365, r: 39, label: "Record key", shortcut: "2" },
};
const RING = 13; // from a key's edge to its ring
const GAP = 3; // between two arcs, in hundredths of the ring
const SHOWN_MS = 1800; // how long a release is told of
const MICROPHONE = [-15, -9, -3, 3, 9, 15];

export default {
  template: `
  <div class="device">
    <svg viewBox="0 0 360 556" role="group" aria-label="The device" :class="{ dead: board.power === 'dead', shaking: pins.HAPTIC }">
      <defs>
        <linearGradient id="d-body" x1="0" y1="0" x2="1" y2="1">
          <stop offset="0" stop-color="#4a515c"/><stop offset=".45" stop-color="#2a2f37"/><stop offset="1" stop-color="#16191e"/>
        </linearGradient>
        <linearGradient id="d-face" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stop-color="#23272e"/><stop offset="1" stop-color="#14171b"/>
        </linearGradient>
        <radialGradient id="d-lens" cx=".38" cy=".32" r=".8">
          <stop offset="0" stop-color="#5b7fa8"/><stop offset=".35" stop-color="#1c2b44"/><stop offset="1" stop-color="#04060a"/>
        </radialGradient>
        <linearGradient id="d-key" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stop-color="#4b525d"/><stop offset="1" stop-color="#272c33"/>
        </linearGradient>
        <linearGradient id="d-metal" x1="0" y1="0" x2="1" y2="0">
          <stop offset="0" stop-color="#8b939f"/><stop offset=".5" stop-color="#d5dae1"/><stop offset="1" stop-color="#878f9b"/>
        </linearGradient>
        <filter id="d-shadow" x="-30%" y="-20%" width="160%" height="150%">
          <feDropShadow dx="0" dy="14" stdDeviation="16" flood-color="#000" flood-opacity=".35"/>
        </filter>
        <filter id="d-glow" x="-300%" y="-300%" width="700%" height="700%"><feGaussianBlur stdDeviation="6"/></filter>
      </defs>
      <g class="waves" :class="{ lit: board.link && board.power === 'on' }" transform="translate(280 22)">
        <path d="M8 8a10 10 0 0 1 10 10M8 -4a22 22 0 0 1 22 22M8 -16a34 34 0 0 1 34 34" fill="none"/>
      </g>
      <g class="cradle" :class="{ there: board.charger }">
        <path d="M82 484h196l18 34a8 8 0 0 1-7 12H71a8 8 0 0 1-7-12z"/><path class="bolt" d="M184 500l-13 14h9l-3 11 13-14h-9z"/>
      </g>
      <g class="cable" :class="{ there: board.usb }">
        <path d="M180 512v60" stroke-width="8"/><rect x="164" y="484" width="32" height="30" rx="6"/>
        <text x="180" y="503" text-anchor="middle">USB</text>
      </g>
      <g class="battery"><rect x="66" y="226" width="70" height="150" rx="10"/>
        <path d="M80 250h10M85 245v10M80 352h10"/><text x="85" y="306" text-anchor="middle" transform="rotate(-90 85 301)">Li-ion</text>
      </g>
      <g class="sd" :class="{ out: !board.card }"><path d="M250 300h46a6 6 0 0 1 6 6v48a6 6 0 0 1-6 6h-46z"/>
        <text x="284" y="334" text-anchor="middle" transform="rotate(90 284 330)">microSD</text></g>
      <g class="haptics" fill="none"><path d="M48 180q-10 80 0 160M36 200q-7 60 0 120M312 180q10 80 0 160M324 200q7 60 0 120"/></g>
      <g class="housing">
        <rect x="66" y="36" width="228" height="450" rx="52" fill="url(#d-body)" filter="url(#d-shadow)"/>
        <rect x="66.75" y="36.75" width="226.5" height="448.5" rx="51" fill="none" stroke="#fff" stroke-opacity=".14" stroke-width="1.5"/>
        <rect x="80" y="50" width="200" height="422" rx="40" fill="url(#d-face)" stroke="#000" stroke-opacity=".5"/>
        <rect class="heat" x="80" y="50" width="200" height="422" rx="40" :style="{ opacity: heat }"/>
        <rect class="load" x="110" y="424" width="140" height="30" rx="15" :style="{ opacity: load }"/>
        <circle cx="180" cy="122" r="47" fill="#0b0d10" stroke="#3a4048" stroke-width="3"/>
        <circle cx="180" cy="122" r="36" fill="url(#d-lens)" stroke="#000" stroke-width="2"/>
        <circle cx="180" cy="122" r="20" fill="none" stroke="#7fb0e8" stroke-opacity=".22" stroke-width="2"/>
        <ellipse cx="167" cy="107" rx="11" ry="7" fill="#fff" opacity=".3" transform="rotate(-35 167 107)"/>
        <circle v-for="x in microphone" :cx="180 + x" cy="190" r="1.6" fill="#000"/>
        <g class="led state" :class="{ lit: pins.LED_STATE }" data-led="LED_STATE">
          <circle class="halo" cx="122" cy="206" r="11" filter="url(#d-glow)"/><circle class="lamp" cx="122" cy="206" r="5.5"/>
          <text x="122" y="227" text-anchor="middle">ON</text></g>
        <g class="led record" :class="{ lit: pins.LED_REC }" data-led="LED_REC">
          <circle class="halo" cx="238" cy="206" r="11" filter="url(#d-glow)"/><circle class="lamp" cx="238" cy="206" r="5.5"/>
          <text x="238" y="227" text-anchor="middle">REC</text></g>
        <text class="brand" x="180" y="450" text-anchor="middle">FIELDREC</text>
        <rect x="164" y="478" width="32" height="6" rx="3" fill="#050607"/>
        <g v-for="(key, name) in keys" class="key" :class="{ down: touched[name] || board.down[name] }" :data-key="name"
           tabindex="0" role="button" :aria-label="key.label + ', ' + name" :aria-pressed="!!board.down[name]"
           @pointerdown="press($event, name)" @pointerup="release(name)" @pointercancel="release(name)"
           @lostpointercapture="release(name)" @contextmenu.prevent @blur="release(name)"
           @keydown.space.prevent="pressKey($event, name)" @keyup.space.prevent="release(name)"
           @keydown.enter.prevent="pressKey($event, name)" @keyup.enter.prevent="release(name)">
          <path v-for="arc in arcs(name)" :d="arc.path" class="arc" :class="arc.kind"/>
          <circle :cx="key.x" :cy="key.y" :r="key.r + 20" fill="transparent"/>
          <circle class="well" :cx="key.x" :cy="key.y" :r="key.r + 4"/>
          <g class="cap">
            <circle :cx="key.x" :cy="key.y" :r="key.r" fill="url(#d-key)" stroke="#000" stroke-opacity=".6"/>
            <path :d="'M' + (key.x - key.r + 6) + ' ' + (key.y - 6) + 'a' + key.r + ' ' + key.r + ' 0 0 1 ' + (2 * key.r - 12) + ' 0'"
                  fill="none" stroke="#fff" stroke-opacity=".13" stroke-width="1.5"/>
            <path v-if="name === 'PWR_SW1'" class="icon" d="M180 250v11M172.500 254.500a10 10 0 1 0 15 0" fill="none"/>
            <circle v-else class="dot" :cx="key.x" :cy="key.y" r="13"/>
          </g>
        </g>
      </g>
    </svg>
    <div class="told" aria-live="polite" :class="{ on: told.text }"><b>{{ told.time }}</b> {{ told.text }}</div>
    <div class="ladders">
      <div v-for="(key, name) in keys" class="ladder" :data-ladder="name">
        <div class="name"><kbd>{{ key.shortcut }}</kbd> {{ key.label }} <span>{{ name }}</span></div>
        <div v-for="(step, i) in ladder(name)" class="step" :class="{ reached: held[name] >= step[0] }">
          <i :style="{ width: 100 * share(name, i) + '%' }"></i><b>{{ step[0] / 1000 }} s</b><span>{{ step[1] }}</span></div>
        <div v-if="!ladder(name).length" class="step none"><span>does nothing here</span></div>
      </div>
    </div>
  </div>`,
  props: { board: Object, ladders: Object },
  emits: ["down", "up"],
  data: () => ({
    keys: KEYS,
    microphone: MICROPHONE,
    touched: {}, // {key: true} by this page
    held: {}, // {key: ms} by what the board said
    told: { time: "", text: "" },
  }),
  computed: {
    pins() {
      return this.board.pins;
    },
    heat() {
      return Math.min(0.55, Math.max(0, (this.board.temp_c - 40) / 60));
    },
    load() {
      return (this.pins.LOAD || 0) / 65535;
    },
  },
  watch: {
    board(now, before) {
      const offset = now.now_us / 1000 / now.rate - performance.now();
      const late = offset < this.offset && now.run === before.run;
      this.offset = late ? this.offset + (offset - this.offset) * 0.05 : offset; // the freshest word tells the time best
    },
  },
  created() {
    this.offset = this.board.now_us / 1000 / this.board.rate - performance.now();
    this.until = 0;
  },
  mounted() {
    this.away = [
      [window, "blur", () => this.releaseAll()],
      [window, "pagehide", () => this.releaseAll()],
      [document, "visibilitychange", () => document.hidden && this.releaseAll()],
      [document, "keydown", (event) => this.shortcut(event, (name) => this.pressKey(event, name))],
      [document, "keyup", (event) => this.shortcut(event, (name) => this.release(name))],
    ];
    for (const [target, event, handler] of this.away) target.addEventListener(event, handler);
    const frame = () => {
      this.follow();
      this.frame = requestAnimationFrame(frame);
    };
    frame();
  },
  unmounted() {
    cancelAnimationFrame(this.frame);
    for (const [target, event, handler] of this.away) target.removeEventListener(event, handler);
  },
  methods: {
    // -- fingers
    press(event, name) {
      if (event.button) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      this.down(name);
    },
    pressKey(event, name) {
      if (!event.repeat) this.down(name);
    },
    shortcut(event, act) {
      if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
      const name = Object.keys(KEYS).find((key) => KEYS[key].shortcut === event.key);
      if (name) act(name);
    },
    down(name) {
      if (this.touched[name]) return;
      this.touched[name] = true;
      this.$emit("down", name);
    },
    release(name) {
      if (!this.touched[name]) return;
      this.touched[name] = false;
      this.$emit("up", name);
    },
    releaseAll() {
      Object.keys(this.touched).forEach(this.release);
    },
    // -- holds
    follow() {
      const now = performance.now();
      for (const name in KEYS) {
        const down = this.board.down[name];
        if (!down && this.held[name] === undefined) continue;
        if (!down) {
          this.tell(name, this.last, true);
          delete this.held[name];
          this.until = now + SHOWN_MS;
          continue;
        }
        this.last = down.state;
        this.held[name] = Math.max(0, (now + this.offset) * this.board.rate - down.since_us / 1000);
        this.tell(name, down.state, false);
        this.until = Infinity;
      }
      if (now > this.until && this.told.text) this.told = { time: "", text: "" };
    },
    tell(name, state, over) {
      const steps = (this.ladders[state] || {})[name] || [];
      const reached = steps.filter(([ms]) => ms <= this.held[name]).pop();
      const text = reached ? (over || reached[2] ? "" : "let go now: ") + reached[1] : over ? "nothing" : "hold on …";
      this.told = { time: (this.held[name] / 1000).toFixed(1) + " s", text };
    },
    ladder(name) {
      const down = this.board.down[name];
      return (this.ladders[down ? down.state : this.board.state] || {})[name] || [];
    },
    share(name, i) {
      const steps = this.ladder(name);
      const from = i ? steps[i - 1][0] : 0;
      return Math.min(1, Math.max(0, ((this.held[name] || 0) - from) / (steps[i][0] - from)));
    },
    arcs(name) {
      const count = this.ladder(name).length;
      const width = 100 / count;
      const arcs = [];
      for (let i = 0; i < count; i++) {
        const room = width - (count > 1 ? GAP : 0.01);
        const share = this.share(name, i);
        arcs.push({ kind: "rest", path: arc(KEYS[name], i * width, room) });
        if (share) arcs.push({ kind: share < 1 ? "fills" : "full", path: arc(KEYS[name], i * width, room * share) });
      }
      return arcs;
    },
  },
};

// A part of a key's ring, in hundredths from the top.
function arc({ x, y, r }, from, length) {
  const point = (at) => {
    const angle = (at / 50 - 0.5) * Math.PI;
    return `${(x + (r + RING) * Math.cos(angle)).toFixed(2)} ${(y + (r + RING) * Math.sin(angle)).toFixed(2)}`;
  };
  return `M${point(from)}A${r + RING} ${r + RING} 0 ${length > 50 ? 1 : 0} 1 ${point(from + length)}`;
}
