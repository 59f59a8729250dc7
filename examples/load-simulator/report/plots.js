// Runs in the page: draws what the report's data hold, a plot below the other on one axis of time, and again where the
// colours change or the window does.

const { seconds, spans } = JSON.parse(document.getElementById('data').textContent);
const root = document.getElementById('plots');
const _end = seconds.at[seconds.at.length - 1] ?? 1;
const end = seconds.at.at(-1) ?? 1;
const axisWidth = 84;
/** Ticks of bytes are powers of two. */
const byteSteps = Array.from({ length: 24 }, (_, power) => 1024 * 1024 * 2 ** power);
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200];
const isKnown = (values) => values.some((value) => value !== null);
const number = (value) =>
  value >= 1e6
    ? `${+(value / 1e6).toPrecision(3)} M`
    : value.toLocaleString('en', { maximumFractionDigits: 1 });
const percent = (value) => `${+(value * 100).toPrecision(3)} %`;
const bytes = (value) => `${number(value / 1024 / 1024)} MiB`;
const ms = (value) => {
  if (value < 1) return `${Math.round(value * 1000)} µs`;
  return value < 1000 ? `${+value.toPrecision(3)} ms` : `${+(value / 1000).toPrecision(3)} s`;
};
const clock = (value) => {
  const two = (part) => String(part).padStart(2, '0');
  const whole = Math.round(value);
  const text = `${Math.floor(whole / 60) % 60}:${two(whole % 60)}`;
  return whole < 3600 ? text : `${Math.floor(whole / 3600)}:${text.padStart(5, '0')}`;
};

const plots = [
  {
    title: 'Events',
    unit: 'per second',
    show: number,
    series: [
      ['accepted by send()', 'sent', '--one'],
      ['acknowledged', 'acknowledged', '--three'],
      ['in Kafka', 'inKafka', '--two'],
    ],
  },
  {
    title: 'Backlog',
    unit: 'events that wait',
    show: number,
    series: [
      ['on devices', 'onDevices', '--one'],
      ['in the proxy', 'inProxy', '--two'],
    ],
  },
  {
    title: 'send() to ACK',
    unit: 'of what was acknowledged in each second, logarithmic',
    show: ms,
    isLog: true,
    series: [
      ['p50', 'ackP50', '--two'],
      ['p99', 'ackP99', '--one'],
      ['max', 'ackMax', '--three'],
    ],
  },
  {
    title: 'send() to a consumer of Kafka',
    unit: 'of what came in each second, logarithmic',
    show: ms,
    isLog: true,
    series: [
      ['p50', 'kafkaP50', '--two'],
      ['p99', 'kafkaP99', '--one'],
      ['max', 'kafkaMax', '--three'],
    ],
  },
  {
    title: 'Devices',
    unit: 'with a connection',
    show: number,
    series: [['connected', 'connected', '--one']],
  },
  {
    title: 'CPU',
    unit: 'of one core',
    show: percent,
    series: [
      ['simulator', 'cpu', '--one'],
      ['its event loop', 'busy', '--four'],
      ['proxy', 'proxyCpu', '--two'],
    ],
  },
  {
    title: 'Memory',
    unit: 'resident',
    show: bytes,
    series: [
      ['simulator', 'memory', '--one'],
      ['proxy', 'proxyMemory', '--two'],
    ],
  },
];

function draw() {
  root.replaceChildren();
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const width = Math.max(320, root.clientWidth - 30);
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
  };
  const time = {
    ...axis,
    size: 32,
    incrs: timeSteps,
    values: (_plot, splits) => splits.map(clock),
  };
  const shared = {
    width,
    cursor: { sync: { key: 'run' }, drag: { x: true, y: false } },
    padding: [8, 28, 0, 0],
  };
  const card = (title, unit) => {
    const made = document.createElement('div');
    made.className = 'card';
    const heading = document.createElement('h2');
    heading.append(`${title} `);
    heading.append(Object.assign(document.createElement('small'), { textContent: unit }));
    made.append(heading);
    root.append(made);
    return made;
  };
  const shade = (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to, isTrouble } of spans) {
      const left = plot.valToPos(from, 'x', true);
      const right = plot.valToPos(to, 'x', true);
      ctx.fillStyle = color(isTrouble ? '--trouble' : '--fault');
      ctx.fillRect(left, bbox.top, Math.max(1, right - left), bbox.height);
    }
    ctx.restore();
  };
  if (spans.length > 0)
    lanes(card('Faults', 'shaded in every plot below'), { shared, axis, time, color });
  for (const { title, unit, show, isLog, series } of plots) {
    const known = series.filter(([, name]) => isKnown(seconds[name]));
    if (known.length === 0) continue;
    new uPlot(
      {
        ...shared,
        height: 176,
        hooks: { drawClear: [shade] },
        scales: { x: wholeTime, y: isLog ? { distr: 3, log: 10 } : { range: fromZero } },
        axes: [
          time,
          {
            ...axis,
            size: axisWidth,
            ...(show === bytes ? { incrs: byteSteps } : {}),
            values: (_plot, splits) => splits.map((split) => (split === null ? '' : show(split))),
          },
        ],
        series: [
          { label: 'at', value: (_plot, value) => (value === null ? '–' : clock(value)) },
          ...known.map(([label, _name, stroke]) => ({
            label,
            stroke: color(stroke),
            width: label === 'max' ? 0.75 : 1.5,
            points: { show: seconds.at.length < 3 },
            value: (_plot, value) => (value === null ? '–' : show(value)),
          })),
        ],
      },
      [seconds.at, ...known.map(([, name]) => seconds[name])],
      card(title, unit),
    );
  }
}

/** From the run's beginning, unless a part was chosen. */
const wholeTime = {
  time: false,
  range: (_plot, low, high) =>
    high >= end ? [low <= (seconds.at[0] ?? 0) ? 0 : low, end] : [low, high],
};

function fromZero(_plot, _low, high) {
  return [0, high > 0 ? high * 1.06 : 1];
}

/** A lane for each kind of fault. */
function lanes(parent, { shared, axis, time, color }) {
  const kinds = [...new Set(spans.map(({ lane }) => lane))];
  const paint = (plot) => {
    const { ctx, bbox } = plot;
    const height = bbox.height / kinds.length;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { lane, from, to, isTrouble } of spans) {
      const left = plot.valToPos(from, 'x', true);
      const right = plot.valToPos(to, 'x', true);
      ctx.fillStyle = color(isTrouble ? '--lane-trouble' : '--lane');
      const top = bbox.top + kinds.indexOf(lane) * height + height * 0.2;
      ctx.fillRect(left, top, Math.max(2, right - left), height * 0.6);
    }
    ctx.restore();
  };
  new uPlot(
    {
      ...shared,
      height: 40 + 20 * kinds.length,
      legend: { show: false },
      hooks: { draw: [paint] },
      scales: { x: wholeTime, y: { range: [0, kinds.length] } },
      axes: [
        time,
        {
          ...axis,
          size: axisWidth,
          grid: { show: false },
          ticks: { show: false },
          splits: () => kinds.map((_kind, at) => kinds.length - at - 0.5),
          values: () => kinds,
        },
      ],
      series: [{}, { stroke: 'transparent', points: { show: false } }],
    },
    [seconds.at, seconds.at.map(() => 0)],
    parent,
  );
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
let resized;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(draw, 150);
});
draw();
