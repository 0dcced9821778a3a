// Runs the example in Node: node example/node.js http://127.0.0.1:8080 brands/acme
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { roundtrip } from "./roundtrip.js";

const [baseUrl = "http://127.0.0.1:8080", brand = "brands/acme"] = process.argv.slice(2);
const transports = {
  "Connect": createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect, JSON": createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "gRPC-Web": createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC": createGrpcTransport({ baseUrl }),
};
for (const [name, transport] of Object.entries(transports)) {
  console.log(`${name}: ${await roundtrip(transport, brand)}`);
}
process.exit(0); // connections that are kept alive would keep it waiting
