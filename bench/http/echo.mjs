/** The least that a server on node:http does: it takes a body as JSON and answers with a text that it was given. */
import { createServer } from "node:http";

const [, , answer] = process.argv;
const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  JSON.parse(Buffer.concat(pieces).toString());
  response.setHeader("content-type", "application/json").end(answer);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`POST http://127.0.0.1:${server.address().port}/\n`));
process.once("SIGTERM", () => process.exit(0));
