import { type KnownEnd, type VerifiedTrail, verifyAuditTrail } from "../administration/verify-audit-trail.js";
import type { Config } from "../config.js";
import { InvalidInputError } from "../domain/errors.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { readFile } from "./read-file.js";
import { withApp } from "./with-app.js";

export interface VerifyAuditOptions {
  readonly account?: string;
  readonly known?: string;
}

const INTACT = /^(\d{1,32}|gateway) intact: (\d{1,10}) events?, head ([0-9a-f]{64})$/;
const BROKEN = /^\d{1,32} broken: /;

/** Verifies the audit trail of one account or of all, and prints a line for each. */
export async function verifyAudit(config: Config, { account, known: file }: VerifyAuditOptions): Promise<ExitCode> {
  const known = file === undefined ? new Map<string, KnownEnd>() : knownEnds(await readFile(file), file);
  return withApp(config, async ({ administration }) => {
    let code: ExitCode = EXIT.ok;
    for await (const trail of verifyAuditTrail(administration, { account, known })) {
      process.stdout.write(`${describe(trail)}\n`);
      if (trail.broken !== null) code = EXIT.notAllowed;
    }
    return code;
  });
}

/** Reads what this command has printed; a trail that was broken then has no end worth knowing. */
function knownEnds(text: string, file: string): Map<string, KnownEnd> {
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !BROKEN.test(line));
  return new Map(lines.map((line) => knownEnd(line, file)));
}

function knownEnd(line: string, file: string): [account: string, end: KnownEnd] {
  const [, account, events, hash] = INTACT.exec(line) ?? [];
  if (account === undefined || hash === undefined) {
    throw new InvalidInputError(`\`${file}\` is not an output of \`ramgate audit verify\``);
  }
  return [account, { sequence: Number(events), hash }];
}

function describe({ account, events, hash, broken }: VerifiedTrail): string {
  if (broken === null) return `${account} intact: ${events} ${events === 1 ? "event" : "events"}, head ${hash}`;
  const place = broken.sequence === null ? "head" : `event ${broken.sequence}`;
  return `${account} broken: ${place}: ${broken.problem} (intact until event ${events}, hash ${hash})`;
}
