// What reading and writing an HTTP/1.1 head costs: 8 fields, 365 bytes, as a browser's API call.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "weir/codec/h1_body.h"
#include "weir/codec/h1_head.h"
#include "weir/codec/h1_writer.h"
#include "weir/http/hop_by_hop.h"

namespace weir::codec {
namespace {

constexpr std::string_view request =
    "GET /v1/catalog/items/4711?expand=price,stock HTTP/1.1\r\n"
    "Host: catalog.shop.internal:18080\r\n"
    "User-Agent: orders/2.3 (linux 6; x86_64)\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    "x-request-id: 7d0f3c5e-8d1b-4c55-9d7e-1a2b3c4d5e6f\r\n"
    "weir-budget-ms: 1750\r\n"
    "\r\n";
static_assert(request.size() == 365);

constexpr std::string_view response =
    "HTTP/1.1 200 OK\r\n"
    "Date: Tue, 04 Jun 2024 10:11:12 GMT\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 1024\r\n"
    "Server: catalog\r\n"
    "\r\n";

void parse_request(benchmark::State& state) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  for (auto _ : state) {
    parser.reset();
    benchmark::DoNotOptimize(parser.parse(request));
  }
}
BENCHMARK(parse_request);

void parse_response(benchmark::State& state) {
  http::ResponseHead head;
  ResponseHeadParser parser{head};
  for (auto _ : state) {
    parser.reset(http::Method::get);
    benchmark::DoNotOptimize(parser.parse(response));
  }
}
BENCHMARK(parse_response);

void write_request(benchmark::State& state) {
  http::RequestHead head;
  RequestHeadParser{head}.parse(request).value();
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_request_head(head, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_request);

void write_response(benchmark::State& state) {
  http::ResponseHead head;
  ResponseHeadParser{head}.parse(response).value();
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_response_head(head, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(write_response);

void parse_and_remove_hop_by_hop(benchmark::State& state) {
  http::RequestHead head;
  RequestHeadParser parser{head};
  for (auto _ : state) {
    parser.reset();
    benchmark::DoNotOptimize(parser.parse(request));
    http::remove_hop_by_hop(head.fields);
  }
}
BENCHMARK(parse_and_remove_hop_by_hop);

// 64 chunks of 1 KiB.
void decode_chunks(benchmark::State& state) {
  std::string body;
  for (int chunk = 0; chunk < 64; ++chunk) {
    write_chunk_header(1024, body);
    body.append(1024, 'x').append(chunk_end);
  }
  write_last_chunk(nullptr, body);
  BodyDecoder decoder{http::BodyLength::chunked()};
  for (auto _ : state) {
    decoder.reset(http::BodyLength::chunked());
    std::span<const char> rest = body;
    for (auto step = decoder.decode(rest); step.state == BodyDecoder::Step::State::data;
         step = decoder.decode(rest)) {
      decoder.take(step.data.size());
      rest = rest.subspan(step.skip + step.data.size());
    }
    if (!decoder.ended()) state.SkipWithError("not ended");
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(decode_chunks);

}  // namespace
}  // namespace weir::codec
