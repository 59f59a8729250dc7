// The demo's live view: a table that is drawn over itself on a terminal, a line now and then elsewhere.

export interface Row {
  device: string;
  sent: number;
  total: number;
  buffered: number;
  acknowledged: number;
}

export interface View {
  /** What happens on the way: "the link is pulled". */
  say(text: string): void;
  draw(rows: readonly Row[], inKafka: number | null): void;
  end(): void;
}

export function createView(out: NodeJS.WriteStream): View {
  const live = out.isTTY === true;
  const started = performance.now();
  let drawn = 0;
  let lastLine = 0;
  const color = (code: number, text: string) => (live ? `\x1b[${code}m${text}\x1b[0m` : text);
  const clear = () => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`;
  return {
    say(text) {
      clear();
      out.write(`${seconds()}  ${color(33, text)}\n`);
    },
    draw(rows, inKafka) {
      const sum = (of: (row: Row) => number) => rows.reduce((all, row) => all + of(row), 0);
      const kafka = inKafka === null ? '–' : inKafka.toLocaleString('en');
      if (!live) {
        if (performance.now() - lastLine < 2_000) return;
        lastLine = performance.now();
        out.write(
          `${seconds()}  sent ${sum((r) => r.sent)}  buffered ${sum((r) => r.buffered)}  ` +
            `acknowledged ${sum((r) => r.acknowledged)}  in Kafka ${kafka}\n`,
        );
        return;
      }
      clear();
      const lines = [
        '',
        color(2, '              sent            buffered   acknowledged   in Kafka'),
        ...rows.map((row) => line(row.device, row, '')),
        line(
          'all',
          {
            device: 'all',
            sent: sum((r) => r.sent),
            total: sum((r) => r.total),
            buffered: sum((r) => r.buffered),
            acknowledged: sum((r) => r.acknowledged),
          },
          kafka,
        ),
        '',
      ];
      out.write(lines.map((text) => `${text}\n`).join(''));
      drawn = lines.length;
    },
    end() {
      drawn = 0;
    },
  };

  function line(name: string, row: Row, kafka: string): string {
    const width = 10;
    const full = row.total === 0 ? width : Math.floor((row.sent / row.total) * width);
    const bar = color(36, '█'.repeat(full)) + color(2, '░'.repeat(width - full));
    const number = (value: number, columns: number) => value.toLocaleString('en').padStart(columns);
    const waiting = number(row.buffered, 7);
    return (
      `  ${name.padEnd(7)}${number(row.sent, 8)} ${bar} ` +
      `${row.buffered > 100 ? color(33, waiting) : waiting}` +
      `${number(row.acknowledged, 15)}${kafka.padStart(11)}`
    );
  }
}
