import { type VerifiedTrail, verifyAuditTrail } from "../administration/verify-audit-trail.js";
import type { Config } from "../config.js";
import { EXIT, type ExitCode } from "./exit-code.js";
import { withApp } from "./with-app.js";

/** Verifies the audit trail of one account or of all, and prints a line for each. */
export async function verifyAudit(config: Config, account: string | undefined): Promise<ExitCode> {
  return withApp(config, async ({ administration }) => {
    let code: ExitCode = EXIT.ok;
    for await (const trail of verifyAuditTrail(administration, account)) {
      process.stdout.write(`${describe(trail)}\n`);
      if (trail.broken !== null) code = EXIT.notAllowed;
    }
    return code;
  });
}

function describe({ account, events, hash, broken }: VerifiedTrail): string {
  if (broken === null) return `${account} intact: ${events} ${events === 1 ? "event" : "events"}, head ${hash}`;
  const place = broken.sequence === null ? "head" : `event ${broken.sequence}`;
  return `${account} broken: ${place}: ${broken.problem} (intact until event ${events}, hash ${hash})`;
}
