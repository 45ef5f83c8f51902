// A service as people write them: it answers a request by making one call, and knows nothing of weir.
// `node service.js PORT [sdk]`; with `sdk`, OpenTelemetry is started as its documentation says.
//
// GET /http/N, /fetch/N, /grpc/N: the call is made with http, fetch or @grpc/grpc-js to port N on
// loopback, and its status is handed on.
'use strict';

if (process.argv[3] === 'sdk') {
  const { NodeSDK, tracing } = require('@opentelemetry/sdk-node');
  const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc');
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } = require('@opentelemetry/instrumentation-undici');
  const spans = new tracing.SimpleSpanProcessor(new tracing.InMemorySpanExporter());
  new NodeSDK({
    serviceName: 'weir-test',
    autoDetectResources: false,
    spanProcessors: [spans],  // nothing is exported
    instrumentations: [
      new GrpcInstrumentation(), new HttpInstrumentation(), new UndiciInstrumentation(),
    ],
  }).start();
}

const http = require('http');
const grpc = require('@grpc/grpc-js');

function viaHttp(port, done) {
  const options = { host: '127.0.0.1', port, path: '/', headers: { host: 'catalog' } };
  http.get(options, (response) => {
    response.resume();
    response.on('end', () => done(response.statusCode));
  }).on('error', () => done(502));
}

// fetch sets no Host of one's own: weir takes the upstream from its one route.
function viaFetch(port, done) {
  fetch(`http://127.0.0.1:${port}/`).then((response) => done(response.status), () => done(502));
}

const plain = (bytes) => bytes;
const Client = grpc.makeGenericClientConstructor({
  call: {
    path: '/weir.Test/Call', requestStream: false, responseStream: false,
    requestSerialize: plain, requestDeserialize: plain,
    responseSerialize: plain, responseDeserialize: plain,
  },
}, 'weir.Test');

function viaGrpc(port, done) {
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(),
    { 'grpc.default_authority': 'catalog' });
  client.call(Buffer.alloc(0), (error) => {
    client.close();
    done(error ? 502 : 200);
  });
}

const ways = { http: viaHttp, fetch: viaFetch, grpc: viaGrpc };

http.createServer((request, response) => {
  const [, way, port] = request.url.split('/');
  ways[way](Number(port), (status) => {
    response.writeHead(status, { 'content-length': 0 });
    response.end();
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
