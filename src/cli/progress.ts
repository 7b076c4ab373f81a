import { Presets, SingleBar } from "cli-progress";

/** Tells people who wait how far it is. */
export interface Progress {
  /** @param total how much the step is about; 0 when that is not known */
  at(step: string, done: number, total: number): void;
  /** Ends the last step. */
  stop(): void;
}

const SILENT: Progress = { at() {}, stop() {} };
const TENTH = 10;

/** On a terminal a bar for each step, elsewhere a line at its start and at each tenth; nothing at all when `quiet`. */
export function showProgress(quiet: boolean, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (quiet) return SILENT;
  return stream.isTTY ? bars(stream) : lines(stream);
}

function bars(stream: NodeJS.WriteStream): Progress {
  let [bar, current]: [SingleBar | null, string] = [null, ""];
  const stop = () => bar?.stop();
  const start = (step: string, total: number) => {
    stop();
    const format = `${step.padEnd(8)} [{bar}]${total > 1 ? " {value} of {total}" : ""}`;
    bar = new SingleBar({ format, stream, hideCursor: true, formatValue: grouped }, Presets.legacy);
    bar.start(Math.max(total, 1), 0);
    current = step;
  };
  return {
    at(step, done, total) {
      if (step !== current) {
        if (bar !== null) bar.update(bar.getTotal());
        start(step, total);
      }
      bar?.update(done);
    },
    stop,
  };
}

function lines(stream: NodeJS.WriteStream): Progress {
  let [current, tenths] = ["", 0];
  return {
    at(step, done, total) {
      const reached = total > 1 ? Math.floor((done * TENTH) / total) : 0;
      if (step === current && reached <= tenths) return;
      stream.write(`${step}${total > 1 ? ` ${grouped(done)} of ${grouped(total)}` : ""}\n`);
      [current, tenths] = [step, reached];
    },
    stop() {},
  };
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
