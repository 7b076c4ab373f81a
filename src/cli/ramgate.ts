#!/usr/bin/env node
import cluster from "node:cluster";
import { readFileSync } from "node:fs";
import { Argument, Command, CommanderError, Option } from "commander";
import { type Config, loadConfig } from "../config.js";
import { redactForms } from "../redaction.js";
import { EXIT, type ExitCode } from "./exit-code.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const ENVIRONMENT = `
Environment: PORT, HOST, DATABASE_URL, REDIS_URL, DATA_DIR, ADMIN_API_KEY, SEED_DEMO, LOG_LEVEL and others;
.env.example describes them all. Without DATABASE_URL an embedded PostgreSQL keeps its data in DATA_DIR (./data).`;

/** Reads the environment when the command needs it: a document is judged the same whatever it holds. */
type Run = (readConfig: () => Config) => Promise<ExitCode>;

// Each command loads its own code: `--help` and `check` do not wait for the GraphQL server.
const serve: Run = async (readConfig) => {
  const config = readConfig();
  if (cluster.isWorker) await (await import("../worker.js")).serveAsWorker(config);
  else if (config.workers === 1) await (await import("../main.js")).serve(config);
  else await (await import("../supervisor.js")).superviseWorkers(config);
  return EXIT.ok;
};
const applyMigrations: Run = async (readConfig) => (await import("./migrate.js")).applyMigrations(readConfig());

type Dispatch = (action: Run) => Promise<void>;

/** Builds the command line; `dispatch` receives what the chosen command wants done. */
function commandLine(dispatch: Dispatch): Command {
  const program = new Command("ramgate")
    .description("GraphQL permissions gateway for Alibaba Cloud KMS")
    .version(version)
    .addHelpText("after", ENVIRONMENT)
    .showHelpAfterError("(--help shows what this takes)");
  program
    .command("serve")
    .description("run the gateway: migrate, load the demo account into an empty embedded database, listen on PORT")
    .action(() => dispatch(serve));
  program
    .command("migrate")
    .description("apply the pending migrations to the database and list them")
    .action(() => dispatch(applyMigrations));
  addImport(program, dispatch);
  addExport(program, dispatch);
  addGenerate(program, dispatch);
  addCheck(program, dispatch);
  addLint(program, dispatch);
  addAudit(program, dispatch);
  addKey(program, dispatch);
  const commands = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of commands) command.addHelpText("after", ENVIRONMENT);
  for (const command of [program, ...commands]) command.exitOverride();
  return program;
}

function addImport(program: Command, dispatch: Dispatch): void {
  program
    .command("import")
    .description("import an account snapshot; exit code 0 done, 2 refused or failed")
    .argument("<snapshot>", "path of a snapshot (JSON, at most 100 MB), or - for standard input")
    .option("--account <number>", "account number; default: the one in the snapshot")
    .option("--replace", "leave exactly what the snapshot holds; default: add and update by name", false)
    .option("--dry-run", "list what would change, change nothing", false)
    .option("--json", "print plan, warnings and problems as JSON", false)
    .option("--quiet", "show no progress", false)
    .action((file, options) =>
      dispatch(async (readConfig) => (await import("./import.js")).importSnapshot(readConfig(), file, options)),
    );
}

function addExport(program: Command, dispatch: Dispatch): void {
  program
    .command("export")
    .description("write an account as a snapshot that import takes; exit code 0 done, 2 failed")
    .argument("<account>", "account number")
    .option("-o, --output <file>", "where to write it; default: standard output")
    .action((account, options) =>
      dispatch(async (readConfig) => (await import("./export.js")).exportSnapshot(readConfig(), account, options)),
    );
  program
    .command("schema")
    .description("print a format as JSON Schema")
    .addArgument(new Argument("<format>", "which one").choices(["snapshot"]))
    .action(() => dispatch(async () => (await import("./schema.js")).printSnapshotSchema()));
}

function addGenerate(program: Command, dispatch: Dispatch): void {
  program
    .command("generate")
    .description("make up accounts to try things on: the same seed and size give the same; exit code 0 done, 2 failed")
    .addOption(
      new Option(
        "--size <size>",
        "small: 50 users, 200 keys and secrets; quota: all that RAM's quotas let into one account; " +
          "huge: 200,000 users and 1,000,000 resources in 20 accounts",
      )
        .choices(["small", "quota", "huge"])
        .makeOptionMandatory(),
    )
    .option("--seed <number>", "0 to 4294967295", "1")
    .option("--accounts <count>", "how many accounts, of small and quota; default: 1")
    .option("-o, --out <path>", "write a snapshot to this file, or - for standard output; several into this directory")
    .option("--load", "import into the database instead, as import does; each account is one transaction", false)
    .option("--replace", "with --load: leave exactly what was generated; default: add and update by name", false)
    .option("--quiet", "show no progress", false)
    .action((options) => dispatch(async (readConfig) => (await import("./generate.js")).generate(readConfig, options)));
}

function addCheck(program: Command, dispatch: Dispatch): void {
  program
    .command("check")
    .description("ask for one decision; exit code 0 allowed, 1 not allowed, 2 error")
    .argument("<principal>", "ARN of a user, role, role session or account owner")
    .argument("<action>", "for example kms:Decrypt")
    .argument("<resource>", "ARN of the target")
    .option("--source-ip <address>", "address the request comes from (acs:SourceIp)")
    .option("--time <instant>", "instant of the request (acs:CurrentTime), RFC 3339; default: now")
    .option("--mfa <true|false>", "whether multi-factor authentication was used (acs:MFAPresent)")
    .option(
      "--context <key=value...>",
      "any other condition key; repeat a key for more values, `key=` for known to be absent",
    )
    .option("--json", "print the whole decision as JSON", false)
    .action((principal, action, resource, options) =>
      dispatch(async (readConfig) =>
        (await import("./check.js")).check(readConfig(), { principal, action, resource }, options),
      ),
    );
}

function addLint(program: Command, dispatch: Dispatch): void {
  program
    .command("lint")
    .description("say what is wrong or odd in policy documents; exit code 0 no errors, 1 errors found, 2 unreadable")
    .argument("<documents...>", "paths of policy documents (JSON), or - for standard input")
    .option("--trust", "they are trust policies of roles", false)
    .option("--json", "print one line of JSON for each document", false)
    .action((files, options) => dispatch(async () => (await import("./lint.js")).lint(files, options)));
}

function addAudit(program: Command, dispatch: Dispatch): void {
  const audit = program.command("audit").description("the audit trail: who changed what");
  audit
    .command("verify")
    .description("compute the hash chains again; exit code 0 intact, 1 broken, 2 error")
    .option("--account <number>", "only this account; default: all that exist or have a trail")
    .option("--known <file>", "an earlier output of this command: no trail may have lost what it had then")
    .action((options) =>
      dispatch(async (readConfig) => (await import("./audit.js")).verifyAudit(readConfig(), options)),
    );
}

function addKey(program: Command, dispatch: Dispatch): void {
  const key = program.command("key").description("API keys: who may call the gateway");
  key
    .command("create")
    .description("make an API key and print it, this once; exit code 0 done, 2 refused or failed")
    .option("--principal <arn>", "user, role or account owner that it signs in; default: an operator")
    .option("--description <text>", "what it is for")
    .option("--expires <instant>", "when it ends, RFC 3339; default: as configured for principals, never for operators")
    .action((options) => dispatch(async (readConfig) => (await import("./key.js")).createKey(readConfig(), options)));
  key
    .command("list")
    .description("list API keys, newest first; never their secrets")
    .option("--principal <arn>", "only keys of this principal")
    .option("--json", "print one line of JSON for each key", false)
    .action((options) => dispatch(async (readConfig) => (await import("./key.js")).listKeys(readConfig(), options)));
  key
    .command("revoke")
    .description("end an API key for good, on every gateway at once; exit code 0 done, 2 refused or failed")
    .argument("<id>", "the <id> of rg_<id>_<secret>")
    .action((id) => dispatch(async (readConfig) => (await import("./key.js")).revokeKey(readConfig(), id)));
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = commandLine(async (action) => {
    code = await action(loadConfig);
  });
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.error;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`ramgate: ${redactForms(message)}\n`);
  return EXIT.error;
}

process.exitCode = await main(process.argv);
