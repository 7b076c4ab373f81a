/** One thing that can happen next. */
export interface Step<State> {
  readonly label: string;
  readonly state: State;
  /** What is wrong with it. */
  readonly violation?: string;
}

/** A protocol as everything that can happen in it. */
export interface Model<State> {
  readonly initial: State;
  steps(state: State): readonly Step<State>[];
  /** The same text only for states from which the same can happen. */
  encode(state: State): string;
}

export interface Result {
  /** Distinct states that were reached. */
  readonly states: number;
  /** False: there are more than the limit, and none of those looked at was wrong. */
  readonly complete: boolean;
  /** The shortest way to something wrong; null: there is none. */
  readonly counterexample: readonly string[] | null;
}

/** Goes through all reachable states, nearest first. */
export function check<State>(model: Model<State>, limit: number): Result {
  const known = new Set([model.encode(model.initial)]);
  let frontier: [State, Way][] = [[model.initial, { label: "", from: null }]];
  while (frontier.length > 0) {
    const next: [State, Way][] = [];
    for (const [state, from] of frontier) {
      for (const { label, state: reached, violation } of model.steps(state)) {
        const way = { label, from };
        if (violation !== undefined) {
          return { states: known.size, complete: false, counterexample: [...wayTo(way), violation] };
        }
        const code = model.encode(reached);
        if (known.has(code)) continue;
        if (known.size >= limit) return { states: known.size, complete: false, counterexample: null };
        known.add(code);
        next.push([reached, way]);
      }
    }
    frontier = next;
  }
  return { states: known.size, complete: true, counterexample: null };
}

interface Way {
  readonly label: string;
  readonly from: Way | null;
}

function wayTo(way: Way): string[] {
  const labels: string[] = [];
  for (let step: Way | null = way; step?.from != null; step = step.from) labels.unshift(step.label);
  return labels;
}
