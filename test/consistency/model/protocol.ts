import type { Model, Step } from "./checker.js";
import { encodeState } from "./encoding.js";
import { keyOf, type Marking, markedBy } from "./keys.js";
import {
  AFTER,
  type Asked,
  type Asker,
  answerIn,
  BEFORE,
  begin,
  type Database,
  type Found,
  type Idle,
  type Instance,
  type Loading,
  type Marks,
  type Reader,
  type Ready,
  type Scenario,
  type State,
  VALUES,
  type Value,
  type Vector,
  type Writer,
} from "./state.js";
import {
  ACCOUNT,
  acknowledge,
  apply,
  bits,
  type Change,
  isAllowed,
  mapParts,
  NEITHER,
  nameOf,
  type Part,
  type Question,
  rightAnswers,
  succeed,
} from "./world.js";

/** How gateways answer: the design, or the design with one thing done otherwise. */
export interface Protocol {
  readonly keys: Marking;
  /** Which vector reads a question may wait for. */
  readonly joins: "unsent" | "sent";
  /** What is read after a miss, and under what the answer is kept. */
  readonly loads: "one snapshot" | "data, then vector" | "data" | "data in two statements";
  /** Questions that miss the same key wait for one load; when those that came later take what it found. */
  readonly sharedLoads: "same vector, still holds" | "same vector" | "always";
  readonly bumps: "every scope" | "all but the account";
  readonly ageFrom: "start" | "end";
  readonly windows: "kept" | "ignored";
}

export const DESIGN: Protocol = {
  keys: "tags",
  joins: "unsent",
  loads: "one snapshot",
  sharedLoads: "same vector, still holds",
  bumps: "every scope",
  ageFrom: "start",
  windows: "kept",
};

type Next = Step<State>;

const NOTHING: Found = { half: null, value: null, marks: null };

export class ProtocolModel implements Model<State> {
  readonly initial: State;
  private readonly scenario: Scenario;
  private readonly protocol: Protocol;

  constructor(scenario: Scenario, protocol: Protocol = DESIGN) {
    this.scenario = scenario;
    this.protocol = protocol;
    this.initial = begin(scenario);
  }

  steps(state: State): Next[] {
    return [
      ...state.writers.flatMap((writer) => this.writerSteps(state, writer)),
      ...this.worldSteps(state),
      ...state.instances.flatMap((instance) => this.instanceSteps(state, instance)),
      ...state.readers.flatMap((reader) => this.readerSteps(state, reader)),
    ];
  }

  encode(state: State): string {
    return encodeState(state, this.protocol.keys);
  }

  // What is right

  private grants(question: Question, clock: number): boolean {
    const { expiry } = this.scenario;
    return question !== 0 || expiry === undefined || clock < expiry;
  }

  private right({ truth, clock }: State, question: Question): number {
    return rightAnswers(truth, question, this.grants(question, clock));
  }

  /** After anything that may make other answers right: notes them for all who wait for one. */
  private witness(state: State): State {
    const right = [this.right(state, 0), this.right(state, 1)] as const;
    const readers = state.readers.map((reader) =>
      reader.at === "idle" ? reader : { ...reader, right: reader.right | right[reader.question] },
    );
    const [[first, second] = [NEITHER, NEITHER], ...older] = state.trail;
    return { ...state, readers, trail: [[first | right[0], second | right[1]], ...older] };
  }

  // PostgreSQL and its writers

  private writerSteps(state: State, writer: Writer): Next[] {
    if (writer.committed !== null) return [acknowledgeStep(state, writer, writer.committed)];
    return writer.commits === 0 ? [] : writer.changes.map((change) => this.commit(state, writer, change));
  }

  private commit(state: State, writer: Writer, change: Change): Next {
    const { database, nextTag, failovers } = state;
    const halves = apply(database.halves, change);
    const moves = (part: Part): boolean =>
      change.moves.includes(part) && (this.protocol.bumps === "every scope" || part !== ACCOUNT);
    const truth = succeed(state.truth, halves, this.scenario.binding);
    const committed = this.scenario.binding === "commit" ? null : truth.version;
    const next: State = {
      ...state,
      database: {
        halves,
        numbers: mapParts(database.numbers, (number, part) => (moves(part) ? number + 1 : number)),
        tags: mapParts(database.tags, (tag, part) => (moves(part) ? nextTag : tag)),
      },
      replica: failovers > 0 ? database : null,
      nextTag: nextTag + 1,
      truth,
      writers: exchange(state.writers, writer, { ...writer, commits: writer.commits - 1, committed }),
    };
    const label = `${writer.name} commits a change to ${change.moves.map(nameOfPart).join(" and ")} (${bits(halves)})`;
    return { label, state: this.witness(next) };
  }

  private worldSteps(state: State): Next[] {
    const steps: Next[] = [];
    if (state.failovers > 0 && state.replica !== null) steps.push(this.failOver(state, state.replica));
    if (state.clock < (this.scenario.ticks ?? 0)) steps.push(this.tick(state));
    return steps;
  }

  private failOver(state: State, replica: Database): Next {
    const truth = succeed(state.truth, replica.halves, "commit"); // nobody waits for anybody to acknowledge it
    const next = { ...state, database: replica, replica: null, truth, failovers: state.failovers - 1 };
    const label = `PostgreSQL fails over and loses the last commit (${bits(replica.halves)})`;
    return { label, state: this.witness(next) };
  }

  private tick(state: State): Next {
    const furthest = Math.max(0, ...this.scenario.readers.map(({ staleness = 0 }) => staleness));
    const trail = [[NEITHER, NEITHER] as const, ...state.trail].slice(0, furthest + 1);
    const clock = state.clock + 1;
    return { label: `tick ${clock}`, state: this.witness({ ...state, clock, trail }) };
  }

  // Vector reads

  private instanceSteps(state: State, instance: Instance): Next[] {
    if (instance.sent !== null) return [this.answerRead(state, instance, instance.sent)];
    const waiting = state.readers.some((reader) => reader.at === "waiting" && reader.instance === instance.number);
    return waiting ? [this.sendRead(state, instance)] : [];
  }

  /** The snapshot may as well be taken at once: nobody joins a read that is sent, unless the protocol is broken. */
  private sendRead(state: State, instance: Instance): Next {
    const sent = { marks: this.marksOf(state.database), now: state.clock, since: state.clock };
    const readers = state.readers.map((reader) =>
      reader.at === "waiting" && reader.instance === instance.number ? { ...reader, at: "sent" as const } : reader,
    );
    const instances = exchange(state.instances, instance, { ...instance, sent });
    return { label: `G${instance.number} reads the vector`, state: { ...state, readers, instances } };
  }

  private answerRead(state: State, instance: Instance, sent: Vector): Next {
    const known = this.protocol.ageFrom === "start" ? sent : { ...sent, since: state.clock };
    const readers = state.readers.map((reader) =>
      reader.at === "sent" && reader.instance === instance.number
        ? { ...reader, at: "ready" as const, vector: sent }
        : reader,
    );
    const keeps = this.scenario.readers.some(({ staleness }) => staleness !== undefined);
    const instances = exchange(state.instances, instance, { ...instance, sent: null, known: keeps ? known : null });
    return { label: `G${instance.number} has its vector`, state: { ...state, readers, instances } };
  }

  private marksOf(database: Database): Marks {
    return markedBy(this.protocol.keys, database);
  }

  // Readers

  private readerSteps(state: State, reader: Reader): Next[] {
    if (reader.at === "idle") return this.ask(state, reader);
    if (reader.at === "ready") return [...this.hits(state, reader), this.miss(state, reader)];
    return reader.at === "loading" && reader.part === "host" ? [this.load(state, reader)] : [];
  }

  private ask(state: State, reader: Idle): Next[] {
    if (reader.requests === 0) return [];
    return reader.questions.map((question) => {
      const right = this.rightOnArrival(state, reader, question);
      const asked: Asked = { ...reader, requests: reader.requests - 1, question, right };
      const label = `${reader.name} asks about principal ${question}`;
      return {
        label,
        state: { ...state, readers: exchange<Reader>(state.readers, reader, this.withVector(state, asked)) },
      };
    });
  }

  private rightOnArrival(state: State, { staleness }: Asker, question: Question): number {
    if (staleness === undefined) return this.right(state, question);
    return state.trail.slice(0, staleness + 1).reduce((right, answers) => right | answers[question], NEITHER);
  }

  private withVector(state: State, asked: Asked): Reader {
    const { sent = null, known = null } = state.instances[asked.instance] ?? {};
    if (asked.staleness !== undefined && known !== null && state.clock - known.since <= asked.staleness) {
      return { ...asked, at: "ready", vector: known };
    }
    return { ...asked, at: this.protocol.joins === "sent" && sent !== null ? "sent" : "waiting" };
  }

  private hits(state: State, reader: Ready): Next[] {
    const values = state.cache.get(keyOf(reader.question, reader.vector.marks)) ?? 0;
    return VALUES.filter((value) => (values & (1 << value)) !== 0 && this.holds(value, reader.vector.now)).map(
      (value) => this.answer(state, reader, value, "hits"),
    );
  }

  private holds(value: Value, now: number): boolean {
    if (this.protocol.windows === "ignored" || this.scenario.expiry === undefined) return true;
    return value < BEFORE || value >= AFTER === now >= this.scenario.expiry;
  }

  private miss(state: State, reader: Ready): Next {
    const load = state.readers.find((other): other is Loading => other.at === "loading" && shareLoad(reader, other));
    const part = load === undefined ? "host" : "guest";
    const loading: Loading = { ...reader, at: "loading", part, found: load?.found ?? NOTHING };
    const label = load === undefined ? "misses" : `misses and waits for the load of ${load.name}`;
    const readers = exchange(state.readers, reader, loading);
    return { label: `${reader.name} ${label}`, state: { ...state, readers } };
  }

  private load(state: State, reader: Loading): Next {
    if (reader.found.value !== null && reader.found.marks !== null) {
      return this.deliver(state, reader, reader.found.value, reader.found.marks);
    }
    const [what, found] = this.readMore(state, reader);
    const readers = state.readers.map((other) =>
      other.at === "loading" && shareLoad(reader, other) ? { ...other, found } : other,
    );
    return { label: `${reader.name} loads ${what}`, state: { ...state, readers } };
  }

  private readMore({ database, clock }: State, { question, vector, found }: Loading): [string, Found] {
    const { halves } = database;
    const value = this.evaluate(isAllowed(halves, question), question, clock);
    switch (this.protocol.loads) {
      case "one snapshot":
        return ["data and vector", { half: null, value, marks: this.marksOf(database) }];
      case "data":
        return ["data", { half: null, value, marks: vector.marks }];
      case "data, then vector":
        if (found.value === null) return ["data", { half: null, value, marks: null }];
        return ["the vector", { ...found, marks: this.marksOf(database) }];
      case "data in two statements":
        if (found.half === null) return ["its first half", { ...NOTHING, half: halves[question] }];
        return [
          "its second half",
          { half: null, value: this.evaluate(found.half && halves[ACCOUNT], question, clock), marks: vector.marks },
        ];
    }
  }

  private evaluate(allowed: boolean, question: Question, clock: number): Value {
    const granted = this.grants(question, clock);
    const window = this.scenario.expiry === undefined || question !== 0 ? 0 : granted ? BEFORE : AFTER;
    return (window + (allowed && granted ? 1 : 0)) as Value;
  }

  /** What was found is kept, and told to those who wait for it; a guest that cannot use it loads again. */
  private deliver(state: State, reader: Loading, value: Value, marks: Marks): Next {
    const key = keyOf(reader.question, marks);
    const values = this.scenario.cache === "hostile" ? (state.cache.get(key) ?? 0) | (1 << value) : 1 << value;
    const next = { ...state, cache: new Map(state.cache).set(key, values) };
    const served = this.answer(next, reader, value, "answers");
    const guests = state.readers.filter(
      (other): other is Loading => other !== reader && other.at === "loading" && shareLoad(reader, other),
    );
    return guests.reduce((step, guest) => this.serveGuest(step, guest, value, marks), served);
  }

  private serveGuest(step: Next, guest: Loading, value: Value, marks: Marks): Next {
    if (step.violation !== undefined) return step;
    if (this.isUsable(guest, value, marks)) {
      const { label, ...told } = this.answer(step.state, guest, value, "takes it:");
      return { label: `${step.label}; ${label}`, ...told };
    }
    return { ...step, label: `${step.label}; ${guest.name} loads again`, state: loadAgain(step.state, guest) };
  }

  private isUsable({ question, vector, part }: Loading, value: Value, marks: Marks): boolean {
    const { sharedLoads } = this.protocol;
    if (part === "late guest" || sharedLoads === "always") return true;
    if (keyOf(question, marks) !== keyOf(question, vector.marks)) return false;
    return sharedLoads === "same vector" || this.holds(value, vector.now);
  }

  private answer(state: State, reader: Ready | Loading, value: Value, how: string): Next {
    const { name, instance, requests, questions, staleness, question, right } = reader;
    const asker = { name, instance, requests, questions, ...(staleness !== undefined && { staleness }) };
    const step = {
      label: `${name} ${how} ${nameOf(answerIn(value))}`,
      state: { ...state, readers: exchange(state.readers, reader, { ...asker, at: "idle" }) },
    };
    if ((answerIn(value) & right) !== 0) return step;
    return { ...step, violation: `${nameOf(answerIn(value))} about principal ${question} was not right at any time` };
  }
}

/** Of those who load again the first does so for all: whatever this load finds is from after they came. */
function loadAgain(state: State, guest: Loading): State {
  const isLoaded = state.readers.some(
    (other) => other.at === "loading" && other.part === "host" && shareLoad(guest, other),
  );
  const again: Loading = { ...guest, part: isLoaded ? "late guest" : "host", found: NOTHING };
  return { ...state, readers: exchange<Reader>(state.readers, guest, again) };
}

function acknowledgeStep(state: State, writer: Writer, version: number): Next {
  const writers = exchange(state.writers, writer, { ...writer, committed: null });
  const truth = acknowledge(state.truth, version);
  return { label: `${writer.name} acknowledges`, state: { ...state, writers, truth } };
}

const nameOfPart = (part: Part): string => (part === ACCOUNT ? "the account" : `principal ${part}`);

function shareLoad(reader: Ready | Loading, load: Loading): boolean {
  return (
    reader.instance === load.instance &&
    reader.question === load.question &&
    keyOf(reader.question, reader.vector.marks) === keyOf(load.question, load.vector.marks)
  );
}

function exchange<T>(list: readonly T[], from: T, to: T): T[] {
  return list.map((item) => (item === from ? to : item));
}
