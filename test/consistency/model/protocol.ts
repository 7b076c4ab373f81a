import type { Model, Step } from "./checker.js";
import { DESIGN, type Protocol } from "./design.js";
import { encodeState } from "./encoding.js";
import { Keys } from "./keys.js";
import {
  AFTER,
  type Asked,
  type Asker,
  answerIn,
  BEFORE,
  begin,
  type Found,
  type Idle,
  type Instance,
  type Known,
  type Loaded,
  type Loading,
  type Marks,
  NEVER_MOVED,
  type Read,
  type Reader,
  type Ready,
  type Scenario,
  type Sent,
  type State,
  VALUES,
  type Value,
  type Vector,
  type Waiting,
  type Writer,
} from "./state.js";
import {
  ACCOUNT,
  acknowledge,
  apply,
  bits,
  type Change,
  type List,
  mapParts,
  NEITHER,
  nameOf,
  ONE_ACCOUNT,
  type Part,
  type Parts,
  type Question,
  rightAnswers,
  succeed,
  type World,
} from "./world.js";

type Next = Step<State>;

const NOTHING: Found = { half: null, value: null, list: null, marks: null };

export class ProtocolModel implements Model<State> {
  readonly initial: State;
  private readonly scenario: Scenario;
  private readonly protocol: Protocol;
  private readonly world: World;
  private readonly keys: Keys;
  /** How far back anybody may look. */
  private readonly furthest: number;

  constructor(scenario: Scenario, protocol: Protocol = DESIGN) {
    this.scenario = scenario;
    this.protocol = protocol;
    this.world = scenario.world ?? ONE_ACCOUNT;
    this.keys = new Keys(this.world, protocol);
    this.furthest = Math.max(0, ...scenario.readers.map(({ staleness = 0 }) => staleness));
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
    return encodeState(state, this.keys);
  }

  // What it is called

  private namesOf(parts: readonly Part[]): string {
    return parts.map((part) => this.world.parts[part]).join(" and ");
  }

  private describe(list: List | null): string {
    if (list === null) return "what the read finds";
    return list.length === 0 ? "nothing" : this.namesOf(list);
  }

  /** Whether there is more to tell than fixed scopes. */
  private follows(): boolean {
    return this.world.lists.length > 1;
  }

  // What is right

  private grants(question: Question, clock: number): boolean {
    const { expiry } = this.scenario;
    return question !== 0 || expiry === undefined || clock < expiry;
  }

  private right({ truth, clock }: State, question: Question): number {
    return rightAnswers(this.world, truth, question, this.grants(question, clock));
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
    const { database, replicas, nextTag, failovers } = state;
    const links = apply(database.links, change);
    const moves = (part: Part): boolean => change.moves.includes(part) && part !== this.protocol.unmoved;
    const truth = succeed(state.truth, links, this.scenario.binding);
    const committed = this.scenario.binding === "commit" ? null : truth.version;
    const next: State = {
      ...state,
      database: {
        links,
        numbers: mapParts(database.numbers, (number, part) => (moves(part) ? number + 1 : number)),
        tags: mapParts(database.tags, (tag, part) => (moves(part) ? nextTag : tag)),
      },
      replicas: failovers > 0 ? [database, ...replicas].slice(0, this.scenario.lost ?? 1) : [],
      nextTag: nextTag + 1,
      truth,
      writers: exchange(state.writers, writer, { ...writer, commits: writer.commits - 1, committed }),
    };
    const label = `${writer.name} commits a change to ${this.namesOf(change.moves)} (${bits(links)})`;
    return { label, state: this.witness(next) };
  }

  private worldSteps(state: State): Next[] {
    const steps = state.failovers > 0 ? state.replicas.map((_, index) => this.failOver(state, index)) : [];
    return state.clock < (this.scenario.ticks ?? 0) ? [...steps, this.tick(state)] : steps;
  }

  private failOver(state: State, index: number): Next {
    const database = state.replicas[index] ?? state.database;
    const truth = succeed(state.truth, database.links, "commit"); // nobody waits for anybody to acknowledge it
    const failovers = state.failovers - 1;
    const replicas = failovers > 0 ? state.replicas.slice(index + 1) : [];
    const lost = index === 0 ? "commit" : `${index + 1} commits`;
    const label = `PostgreSQL fails over and loses the last ${lost} (${bits(database.links)})`;
    return { label, state: this.witness({ ...state, database, replicas, truth, failovers }) };
  }

  private tick(state: State): Next {
    const clock = state.clock + 1;
    const trail = [[NEITHER, NEITHER] as const, ...state.trail].slice(0, this.furthest + 1);
    const instances = state.instances.map((instance) => ({ ...instance, known: this.youngOf(instance.known, clock) }));
    return { label: `tick ${clock}`, state: this.witness({ ...state, clock, trail, instances }) };
  }

  /** What nobody takes any more is as good as not known. */
  private youngOf(known: Parts<Known | null>, clock: number): Parts<Known | null> {
    return mapParts(known, (entry) => (entry !== null && clock - entry.since > this.furthest ? null : entry));
  }

  // Vector reads

  private instanceSteps(state: State, instance: Instance): Next[] {
    const { sent } = instance;
    if (sent !== null && sent.later.length > 0) return [this.readOn(state, instance, sent)];
    if (sent !== null) return [this.answerRead(state, instance, sent)];
    const waiting = state.readers.some((reader) => reader.at === "waiting" && reader.instance === instance.number);
    return waiting ? [this.sendRead(state, instance)] : [];
  }

  /** The snapshot may as well be taken at once: nobody joins a read that is sent, unless the protocol is broken. */
  private sendRead(state: State, instance: Instance): Next {
    const readers = state.readers.map((reader) =>
      reader.at === "waiting" && reader.instance === instance.number ? this.send(state, reader) : reader,
    );
    const asked = readers.filter(
      (reader): reader is Sent => reader.at === "sent" && reader.instance === instance.number,
    );
    const instances = exchange(state.instances, instance, { ...instance, sent: this.read(state, asked) });
    return { label: `G${instance.number} reads the vector`, state: { ...state, readers, instances } };
  }

  private read(state: State, readers: readonly Sent[]): Read {
    const all = new Set(readers.flatMap(({ question, list }) => this.keys.scopesOf(question, list)));
    const fixed = readers.flatMap(({ question }) => this.world.fixed(question));
    const scopes = [...all].sort();
    const later = this.protocol.vectors === "one snapshot" ? [] : scopes.filter((part) => !fixed.includes(part));
    const marks = this.keys.marksOf(state.database);
    return { marks, now: this.timeIn(state), since: state.clock, history: this.historyOf(state), scopes, later };
  }

  private readOn(state: State, instance: Instance, sent: Read): Next {
    const newest = this.keys.marksOf(state.database);
    const marks = mapParts(sent.marks, (mark, part) => (sent.later.includes(part) ? (newest[part] ?? mark) : mark));
    const instances = exchange(state.instances, instance, { ...instance, sent: { ...sent, marks, later: [] } });
    return { label: `G${instance.number} reads the rest of it`, state: { ...state, instances } };
  }

  /** The database's clock. Nobody looks at it where nothing ends by itself. */
  private timeIn({ clock }: State): number {
    return this.scenario.expiry === undefined ? 0 : clock;
  }

  /** Which failover it was that the database has come through last, where anybody asks for it. */
  private historyOf({ failovers }: State): number {
    return this.protocol.mixes === "reads of any history" ? 0 : failovers;
  }

  private send({ database }: State, reader: Waiting): Sent {
    return { ...reader, at: "sent", list: reader.list ?? this.world.followed(database.links, reader.question) };
  }

  private answerRead(state: State, instance: Instance, sent: Read): Next {
    const vector: Vector = { marks: onlyOf(sent.scopes, sent.marks), now: sent.now };
    const readers = state.readers.map((reader) =>
      reader.at === "sent" && reader.instance === instance.number ? this.look(reader, instance, vector) : reader,
    );
    const known = this.learn(state, instance, sent);
    const instances = exchange(state.instances, instance, { ...instance, sent: null, known });
    return { label: `G${instance.number} has its vector`, state: { ...state, readers, instances } };
  }

  private look(reader: Sent, { lists }: Instance, vector: Vector): Ready {
    const newest = this.protocol.looksUnder === "newest list" ? lists[reader.question] : null;
    return { ...reader, at: "ready", list: newest ?? reader.list, vector };
  }

  private learn({ clock }: State, { known }: Instance, read: Read): Parts<Known | null> {
    if (this.scenario.readers.every(({ staleness }) => staleness === undefined)) return known;
    const { scopes, marks, now, history } = read;
    const since = this.protocol.ageFrom === "end" ? clock : read.since;
    const passesForNew = this.protocol.ageFrom === "start of the last read";
    const learned = mapParts(known, (old, part) => {
      if (scopes.includes(part)) return { mark: marks[part] ?? NEVER_MOVED, now, since, history };
      if (old?.history !== history) return null;
      return passesForNew ? { ...old, since } : old;
    });
    return this.youngOf(learned, clock);
  }

  // Readers

  private readerSteps(state: State, reader: Reader): Next[] {
    if (reader.at === "idle") return this.ask(state, reader);
    if (reader.at === "ready") return [...this.hits(state, reader), this.miss(state, reader)];
    return reader.at === "loading" && reader.part === "host" ? [this.load(state, reader)] : [];
  }

  private ask(state: State, reader: Idle): Next[] {
    if (reader.requests === 0) return [];
    return reader.questions.flatMap((question) =>
      this.listsTaken(state, reader, question).map((list) => this.askAbout(state, reader, question, list)),
    );
  }

  private listsTaken(state: State, { instance }: Asker, question: Question): readonly (List | null)[] {
    if (this.scenario.lists !== "faithful") return this.world.lists;
    return [state.instances[instance]?.lists[question] ?? null];
  }

  private askAbout(state: State, reader: Idle, question: Question, list: List | null): Next {
    const right = this.rightOnArrival(state, reader, question);
    const asked: Asked = { ...reader, requests: reader.requests - 1, question, right };
    const readers = exchange<Reader>(state.readers, reader, this.withVector(state, asked, list));
    const label = `${reader.name} asks about principal ${question}`;
    return {
      label: this.follows() ? `${label}, taken to follow ${this.describe(list)}` : label,
      state: { ...state, readers },
    };
  }

  private rightOnArrival(state: State, { staleness }: Asker, question: Question): number {
    if (staleness === undefined) return this.right(state, question);
    return state.trail.slice(0, staleness + 1).reduce((right, answers) => right | answers[question], NEITHER);
  }

  private withVector(state: State, asked: Asked, list: List | null): Reader {
    const { instance, question, staleness } = asked;
    const { sent = null, known = [] } = state.instances[instance] ?? {};
    const waiting: Waiting = { ...asked, at: "waiting", list };
    if (staleness !== undefined && list !== null) {
      const vector = recall(known, this.keys.scopesOf(question, list), state.clock - staleness);
      if (vector !== null) return { ...asked, at: "ready", list, vector };
    }
    return this.protocol.joins === "sent" && sent !== null ? this.send(state, waiting) : waiting;
  }

  private hits(state: State, reader: Ready): Next[] {
    const values = state.cache.get(this.keyOf(reader)) ?? 0;
    return VALUES.filter((value) => (values & (1 << value)) !== 0 && this.holds(value, reader.vector.now)).map(
      (value) => this.answer(state, reader, value, "hits"),
    );
  }

  /** What it looks for. */
  private keyOf({ question, list, vector }: Ready | Loading): number {
    return this.keys.keyOf(question, list, vector.marks);
  }

  private holds(value: Value, now: number): boolean {
    if (this.protocol.windows === "ignored" || this.scenario.expiry === undefined) return true;
    return value < BEFORE || value >= AFTER === now >= this.scenario.expiry;
  }

  private miss(state: State, reader: Ready): Next {
    const load = state.readers.find(
      (other): other is Loading => other.at === "loading" && this.shareLoad(reader, other),
    );
    const part = load === undefined ? "host" : "guest";
    const loading: Loading = { ...reader, at: "loading", part, found: load?.found ?? NOTHING };
    const label = load === undefined ? "misses" : `misses and waits for the load of ${load.name}`;
    const readers = exchange(state.readers, reader, loading);
    return { label: `${reader.name} ${label}`, state: { ...state, readers } };
  }

  private load(state: State, reader: Loading): Next {
    const { value, list, marks } = reader.found;
    if (value !== null && list !== null && marks !== null) return this.deliver(state, reader, { value, list, marks });
    const [what, found] = this.readMore(state, reader);
    const readers = state.readers.map((other) =>
      other.at === "loading" && this.shareLoad(reader, other) ? { ...other, found } : other,
    );
    return { label: `${reader.name} loads ${what}`, state: { ...state, readers } };
  }

  private readMore({ database, clock }: State, { question, list, vector, found }: Loading): [string, Found] {
    const { links } = database;
    const fixed = this.world.fixed(question);
    const marks = this.keys.marksOf(database);
    const mixed = mapParts(marks, (mark, part) => (fixed.includes(part) ? (vector.marks[part] ?? mark) : mark));
    const under = { list: this.world.followed(links, question), marks };
    const data = { ...NOTHING, value: this.evaluate(this.world.isAllowed(links, question), question, clock) };
    switch (this.protocol.loads) {
      case "one snapshot":
        return ["data and vector", { ...data, ...under }];
      case "data":
        return ["data", { ...data, list, marks: vector.marks }];
      case "data, then vector":
        return found.value === null ? ["data", data] : ["the vector", { ...found, ...under }];
      case "data and followed revisions":
        return ["data and the followed part of the vector", { ...data, list: under.list, marks: mixed }];
      case "list, then data and vector":
        return found.list === null
          ? ["the list", { ...NOTHING, list: under.list }]
          : ["data and vector", { ...data, list: found.list, marks }];
      case "data and vector, then list":
        return found.value === null
          ? ["data and vector", { ...data, marks }]
          : ["the list", { ...found, list: under.list }];
      case "data in two statements": {
        if (found.half === null) return ["its first half", { ...NOTHING, half: links[question] === true }];
        const allowed = found.half && links[ACCOUNT] === true;
        const value = this.evaluate(allowed, question, clock);
        return ["its second half", { ...NOTHING, value, list, marks: vector.marks }];
      }
    }
  }

  private evaluate(allowed: boolean, question: Question, clock: number): Value {
    const granted = this.grants(question, clock);
    const window = this.scenario.expiry === undefined || question !== 0 ? 0 : granted ? BEFORE : AFTER;
    return (window + (allowed && granted ? 1 : 0)) as Value;
  }

  /** What was found is kept, and told to those who wait for it; a guest that cannot use it loads again. */
  private deliver(state: State, reader: Loading, loaded: Loaded): Next {
    const { value, list } = loaded;
    const served = this.answer(this.remember(this.keep(state, reader, loaded), reader, list), reader, value, "answers");
    const guests = state.readers.filter(
      (other): other is Loading => other !== reader && other.at === "loading" && this.shareLoad(reader, other),
    );
    return guests.reduce((step, guest) => this.serveGuest(step, guest, loaded), served);
  }

  private keep(state: State, { question, list: looked }: Loading, { value, list, marks }: Loaded): State {
    const under = this.protocol.keepsUnder === "list of the load" ? list : looked;
    const key = this.keys.keyOf(question, under, marks);
    const values = this.scenario.cache === "hostile" ? (state.cache.get(key) ?? 0) | (1 << value) : 1 << value;
    return { ...state, cache: new Map(state.cache).set(key, values) };
  }

  private remember(state: State, { instance: number, question }: Loading, list: List): State {
    const instances = state.instances.map((instance) =>
      instance.number === number
        ? { ...instance, lists: instance.lists.map((old, of) => (of === question ? list : old)) }
        : instance,
    );
    return { ...state, instances };
  }

  private serveGuest(step: Next, guest: Loading, loaded: Loaded): Next {
    if (step.violation !== undefined) return step;
    if (this.isUsable(guest, loaded)) {
      const { label, ...told } = this.answer(step.state, guest, loaded.value, "takes it:");
      return { label: `${step.label}; ${label}`, ...told };
    }
    return { ...step, label: `${step.label}; ${guest.name} loads again`, state: this.loadAgain(step.state, guest) };
  }

  private isUsable(guest: Loading, { value, list, marks }: Loaded): boolean {
    const { sharedLoads } = this.protocol;
    if (guest.part === "late guest" || sharedLoads === "always") return true;
    const compared = sharedLoads === "same revisions of the guest's scopes, still holds" ? guest.list : list;
    if (this.keys.keyOf(guest.question, compared, marks) !== this.keyOf(guest)) return false;
    return sharedLoads === "same vector" || this.holds(value, guest.vector.now);
  }

  /** Of those who load again the first does so for all: whatever this load finds is from after they came. */
  private loadAgain(state: State, guest: Loading): State {
    const isLoaded = state.readers.some(
      (other) => other.at === "loading" && other.part === "host" && this.shareLoad(guest, other),
    );
    const again: Loading = { ...guest, part: isLoaded ? "late guest" : "host", found: NOTHING };
    return { ...state, readers: exchange<Reader>(state.readers, guest, again) };
  }

  private shareLoad(reader: Ready | Loading, load: Loading): boolean {
    return reader.instance === load.instance && this.keyOf(reader) === this.keyOf(load);
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

function acknowledgeStep(state: State, writer: Writer, version: number): Next {
  const writers = exchange(state.writers, writer, { ...writer, committed: null });
  const truth = acknowledge(state.truth, version);
  return { label: `${writer.name} acknowledges`, state: { ...state, writers, truth } };
}

/** What is known of the scopes; null where one of them is not known, or from before `oldest`. */
function recall(known: Parts<Known | null>, scopes: readonly Part[], oldest: number): Vector | null {
  const entries = scopes.map((part) => known[part] ?? null);
  const young = entries.filter((entry): entry is Known => entry !== null && entry.since >= oldest);
  if (young.length < entries.length) return null;
  return {
    marks: mapParts(known, (entry) => entry?.mark ?? NEVER_MOVED),
    now: Math.min(...young.map(({ now }) => now)),
  };
}

/** A scope that was not read looks like one that has never moved. */
const onlyOf = (scopes: readonly Part[], marks: Marks): Marks =>
  mapParts(marks, (mark, part) => (scopes.includes(part) ? mark : NEVER_MOVED));

function exchange<T>(list: readonly T[], from: T, to: T): T[] {
  return list.map((item) => (item === from ? to : item));
}
