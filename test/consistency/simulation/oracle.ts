import {
  type Account,
  type KeyId,
  type Revision,
  rightAnswer,
  START,
  scopesOfQuestion,
  type User,
  vectorText,
} from "./account.js";

interface Moment {
  readonly account: Account;
  readonly now: number;
}

interface Asked {
  readonly user: User;
  readonly key: KeyId;
  /** An older state will do. */
  readonly bounded: boolean;
  readonly floor: ReadonlyMap<string, number>;
}

/** Knows all that was ever true. */
export class Oracle {
  private readonly moments: readonly Moment[];
  private readonly maxStaleness: number;

  constructor(moments: readonly Moment[], maxStaleness: number) {
    this.moments = moments;
    this.maxStaleness = maxStaleness;
  }

  /** Of the last step. */
  get moment(): number {
    return this.moments.length - 1;
  }

  /**
   * Whether an answer was right, under the revisions that it names, for a state that was the database's at some time
   * since the question came (or, if it may be older, a little before).
   */
  confirms(asked: Asked, told: string, vector: ReadonlyMap<string, Revision | null>, since: number): boolean {
    const named = vectorText(vector, vector.keys());
    const oldest = (this.moments[since]?.now ?? START) - (asked.bounded ? this.maxStaleness : 0);
    for (let place = this.moments.length - 1; place >= 0; place -= 1) {
      const { account, now } = this.moments[place] ?? { account: null, now: 0 };
      const until = this.moments[place + 1]?.now ?? now;
      if (account === null || (asked.bounded ? until < oldest : place < since)) return false;
      const scopes = scopesOfQuestion(account, asked.user, asked.key);
      if (vectorText(account.revisions, scopes) !== named || !reaches(account, asked.floor)) continue;
      const times = criticalTimes(account, Math.max(now, oldest), until);
      if (times.some((time) => rightAnswer(account, asked.user, asked.key, time) === told)) return true;
    }
    return false;
  }

  /** Whether some state since the question came does not have what its token stands for. */
  lacks(floor: ReadonlyMap<string, number>, since: number): boolean {
    return this.moments.slice(since).some(({ account }) => !reaches(account, floor));
  }
}

function reaches({ revisions }: Account, floor: ReadonlyMap<string, number>): boolean {
  return [...floor].every(([scope, rev]) => (revisions.get(scope)?.rev ?? 0) >= rev);
}

/** Times from `from` to `to` between which nothing comes into force or ends. */
function criticalTimes({ attachments }: Account, from: number, to: number): number[] {
  const bounds = attachments.flatMap(({ notBefore, expiresAt }) => [notBefore ?? from, expiresAt ?? from]);
  return [from, to, ...[...bounds, START + 501, START + 1_000].filter((time) => from <= time && time <= to)];
}
