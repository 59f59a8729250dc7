// What whoever embeds mquickjs gives a firmware (docs/TARGETS.md, ES5), for its command `mqjs`: that has one input, the prompt, where the
// test types a call and reads what it printed. Its own timers would hold the prompt up until none is left, so there are others,
// which run at each call. A line that begins with ! is for the test.

/** ES5; the names in `firmware` are what a firmware uses, those behind them what the test types. */
export const host = `
var tasks = [], events = null;
var host = {
  clock: function () { return performance.now(); },
  after: function (task, delayMs) {
    var timer = { task: task, at: performance.now() + delayMs };
    tasks.push(timer);
    return timer;
  },
  cancel: function (timer) {
    var at = tasks.indexOf(timer);
    if (at >= 0) tasks.splice(at, 1);
  },
  random: function () { return Math.random(); },
  link: {
    open: function (its) { events = its; print('!open'); },
    write: function (bytes) {
      var hex = '';
      for (var i = 0; i < bytes.length; i++) hex += (bytes[i] + 256).toString(16).slice(1);
      print('!write ' + hex);
      return bytes.length;
    },
    close: function () { events = null; print('!close'); }
  }
};
function setInterval(task, ms) {
  var own = {};
  function again() {
    own.timer = host.after(again, ms);
    task();
  }
  own.timer = host.after(again, ms);
  return own;
}
function clearInterval(own) { host.cancel(own.timer); }
function up() { if (events) events.up(); run(); }
function down() {
  var its = events;
  events = null;
  if (its) its.down();
  run();
}
function data(hex) {
  var bytes = [];
  for (var i = 0; i < hex.length; i += 2) bytes.push(parseInt(hex.slice(i, i + 2), 16));
  if (events) events.data(bytes);
  run();
}
function run() {
  for (var i = 0; i < tasks.length; i++) {
    var due = tasks[i];
    if (due.at <= performance.now()) {
      tasks.splice(i, 1);
      i = -1;
      due.task();
    }
  }
  print('!ran');
}
`;
