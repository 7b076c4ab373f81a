import { PERMISSIONS } from "../administration/permissions.js";
import type { AccessRules } from "./access.js";
import { NOTHING, RECORDS, type RecordKind } from "./access-rules.js";

/** The tables that `docs/authorization.md` takes from the rules, by the name of their place in it. */
export function accessTables(rules: AccessRules): Readonly<Record<string, string>> {
  return { queries: fieldTable(rules), records: recordTable(rules), changes: changeTable() };
}

/** Puts the tables into their places, each between `<!-- name -->` and `<!-- end of name -->`. */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return Object.entries(tables).reduce((page, [name, table]) => {
    const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
    const [before, rest] = parted(page, start);
    const [, after] = parted(rest, end);
    return `${before}${start}\n\n${table}\n\n${end}${after}`;
  }, text);
}

function parted(text: string, mark: string): [before: string, after: string] {
  const [before, after, ...more] = text.split(mark);
  if (before === undefined || after === undefined || more.length > 0) throw new Error(`\`${mark}\` is not there once`);
  return [before, after];
}

function fieldTable({ fields }: AccessRules): string {
  const rows = Object.entries(fields).map(([path, { actions, on, free }]) => {
    const name = path.startsWith("Query.") ? path.slice("Query.".length) : path;
    return [code(name), actions.length === 0 ? NOTHING : actions.map(code).join(", "), on, free];
  });
  return tableOf(["Query", "Action", "On", "Without permission"], rows);
}

function changeTable(): string {
  const rows = Object.entries(PERMISSIONS).flatMap(([name, needed]) => {
    if (typeof needed === "string") return [[code(name), NOTHING, needed]];
    return Object.entries(needed).map(([action, on]) => [code(name), code(action), on]);
  });
  return tableOf(["Mutation", "Action", "On"], rows);
}

const SAMPLE = { accountId: "<account>", arn: "its ARN", arnKey: "", id: "<id>" };

function recordTable({ types }: AccessRules): string {
  const kinds = Object.keys(RECORDS) as RecordKind[];
  const rows = kinds.map((kind) => {
    const { action, arns, all } = RECORDS[kind];
    const names = Object.entries(types).flatMap(([name, rule]) => (rule === kind ? [code(name)] : []));
    const on = (arns as ((row: typeof SAMPLE) => readonly string[]) | undefined)?.(SAMPLE)[0];
    const own = on === undefined ? "what leads to it is enough" : on === SAMPLE.arn ? on : code(on);
    return [names.join(", "), code(action), own, code(all("<account>"))];
  });
  return tableOf(["Types", "Action", "On", "For all of an account, on"], rows);
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
