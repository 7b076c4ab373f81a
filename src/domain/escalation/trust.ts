import type { CompiledPolicy } from "../policy/compile-policy.js";
import type { Statement } from "../policy/document.js";
import { foldCase } from "../wildcard.js";

/** Whether a trust policy trusts a user or role, or its sessions, by the name alone: who comes to have it is trusted. */
export function trusts({ document }: CompiledPolicy, arnKey: string): boolean {
  const session = arnKey.replace(/:role\//, ":assumed-role/");
  return document.statements.some(
    ({ effect, principal }) =>
      effect === "Allow" &&
      principal?.ram.some((name) => {
        const folded = foldCase(name);
        return folded === arnKey || folded.startsWith(`${arnKey}/`) || folded.startsWith(`${session}/`);
      }),
  );
}

/** Whether a trust policy trusts nobody whom the one before did not. Sound, not complete: by the text of statements. */
export function isNarrower(after: CompiledPolicy | null, before: CompiledPolicy | null): boolean {
  if (after === null || before === null) return false;
  const [now, then] = [after.document.statements, before.document.statements];
  const kept = new Set(now.map((statement) => JSON.stringify(statement)));
  const denies = then.filter(({ effect }) => effect === "Deny");
  const allows = then.filter(({ effect }) => effect === "Allow");
  return (
    denies.every((statement) => kept.has(JSON.stringify(statement))) &&
    now.every((statement) => statement.effect === "Deny" || allows.some((wide) => isWithin(statement, wide)))
  );
}

function isWithin(narrow: Statement, wide: Statement): boolean {
  const rest = (statement: Statement) => JSON.stringify({ ...statement, principal: null, sid: null });
  if (rest(narrow) !== rest(wide)) return false;
  return (["ram", "service", "federated"] as const).every((kind) =>
    narrow.principal?.[kind].every((name) => wide.principal?.[kind].includes(name)),
  );
}
