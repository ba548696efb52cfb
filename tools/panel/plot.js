// The last seconds of the board's signals, running from right to left.

const NAMES = 92;
const ROW = 26;
const HIGH = 15;
const TOP = 22;
const FRAME_MS = 40;

export default {
  template: `
  <div class="plot" ref="box">
    <svg :width="width" :height="height" role="img" aria-label="Timing of the last seconds">
      <g v-for="tick in ticks" class="tick"><path :d="'M' + tick.x + ' ' + 16 + 'V' + height"/><text :x="tick.x" y="11" text-anchor="middle">{{ tick.text }}</text></g>
      <g v-for="row in drawn" :class="['row', row.name]" :data-row="row.name">
        <text class="name" x="0" :y="row.y + 12">{{ row.name }}</text>
        <template v-if="row.spans">
          <g v-for="span in row.spans"><rect :class="['span', span.text]" :x="span.x" :y="row.y - 2" :width="span.width" :height="19" rx="4"/>
            <text v-if="span.width > 8 * span.text.length" class="in" :x="span.x + 6" :y="row.y + 11">{{ span.text }}</text></g>
        </template>
        <template v-else><path class="area" :d="row.area"/><path class="wave" :d="row.wave"/></template>
      </g>
    </svg>
  </div>`,
  props: { rows: Object, now_us: Number, rate: Number, window_s: Number, run: String },
  data: () => ({ width: 600, now: 0 }),
  computed: {
    height() {
      return TOP + ROW * Object.keys(this.rows).length;
    },
    span_us() {
      return this.window_s * 1e6 * this.rate;
    },
    ticks() {
      const most = Math.max(2, Math.floor((this.width - NAMES) / 90));
      const step = 1e6 * Math.max(1, Math.ceil(this.span_us / 1e6 / most));
      const ticks = [];
      for (let back = 0; back <= most; back++) {
        const t = (Math.floor(this.now / step) - back) * step;
        if (t >= 0 && this.x(t) > NAMES + 12) ticks.push({ x: this.x(t), text: (t / 1e6).toFixed(0) + " s" });
      }
      return ticks;
    },
    drawn() {
      return Object.entries(this.rows).map(([name, { kind, points }], i) => {
        const y = TOP + i * ROW;
        return kind === "text" ? { name, y, spans: this.spans(points) } : { name, y, ...this.wave(points, y, kind) };
      });
    },
  },
  watch: {
    now_us(now_us) {
      const offset = now_us / 1000 / this.rate - performance.now();
      const late = offset < this.offset && this.seen === this.run;
      this.offset = late ? this.offset + (offset - this.offset) * 0.05 : offset;
      this.seen = this.run;
    },
  },
  created() {
    this.offset = this.now_us / 1000 / this.rate - performance.now();
    this.seen = this.run;
  },
  mounted() {
    this.sizes = new ResizeObserver(() => (this.width = Math.max(260, this.$refs.box.clientWidth)));
    this.sizes.observe(this.$refs.box);
    this.timer = setInterval(() => {
      this.now = (performance.now() + this.offset) * this.rate * 1000;
    }, FRAME_MS);
  },
  unmounted() {
    clearInterval(this.timer);
    this.sizes.disconnect();
  },
  methods: {
    x(t) {
      const x = this.width - ((this.now - t) / this.span_us) * (this.width - NAMES);
      return Math.min(this.width, Math.max(NAMES, x));
    },
    // The levels as steps; a word (the load's duty) by its share of 16 bits.
    wave(points, y, kind) {
      const level = (value) => (y + HIGH * (1 - (kind === "word" ? value / 65535 : value))).toFixed(1);
      let steps = `${NAMES} ${level(points[0][1])}`;
      for (const [t, value] of points.slice(1)) steps += `H${this.x(t).toFixed(1)}V${level(value)}`;
      steps += `H${this.width}`;
      return { wave: "M" + steps, area: `M${NAMES} ${y + HIGH}L${steps}V${y + HIGH}Z` };
    },
    spans(points) {
      const ends = [...points.slice(1).map(([t]) => t), this.now];
      return points
        .map(([t, text], i) => ({ text: String(text), x: i ? this.x(t) : NAMES, width: this.x(ends[i]) - (i ? this.x(t) : NAMES) }))
        .filter((span) => span.width > 0);
    },
  },
};
