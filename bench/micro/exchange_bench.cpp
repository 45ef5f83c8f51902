// A warm exchange without a kernel: a GET and its 1 KiB answer through a real Worker whose
// transports are memory. What remains of a request's cost outside is system calls.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "weir/proxy/forwarding.h"
#include "weir/proxy/worker.h"

namespace {

using namespace std::chrono_literals;

// One end of a connection: what weir writes can be looked at, what it shall read is put in.
class Memory final : public weir::net::Transport {
 public:
  explicit Memory(const weir::Address& peer) : peer_(peer) { received.reserve(64UL * 1024); }
  void deliver_to(weir::net::TransportEvents& events) override { events_ = &events; }
  void read(std::span<char> into) override { into_ = into; }
  weir::net::WriteResult write(std::span<const iovec> pieces) override {
    std::size_t bytes = 0;
    for (const iovec& piece : pieces) {
      received.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      bytes += piece.iov_len;
    }
    return {.bytes = bytes, .error = weir::net::IoError::none};
  }
  void wait_writable() override {}
  void shutdown_send() override {}
  void reset_on_close() override {}
  const weir::Address& peer() const override { return peer_; }
  const weir::Address& local() const override { return peer_; }

  void put(std::string_view bytes) {
    std::memcpy(into_.data(), bytes.data(), bytes.size());
    events_->on_read({.bytes = bytes.size(), .error = weir::net::IoError::none});
  }
  std::string received;

 private:
  weir::Address peer_;
  weir::net::TransportEvents* events_ = nullptr;
  std::span<char> into_;
};

class MemoryConnector final : public weir::net::Connector {
 public:
  std::unique_ptr<weir::net::Connecting> connect(const weir::net::Target& to,
                                                 weir::net::ConnectEvents& events) override {
    waiting = &events;
    auto transport = std::make_unique<Memory>(to.address);
    endpoint = transport.get();
    made_ = std::move(transport);
    return std::make_unique<weir::net::Connecting>();
  }
  void finish() {
    if (auto* events = std::exchange(waiting, nullptr)) {
      events->on_connect(std::move(made_), weir::net::ConnectError::none);
    }
  }
  weir::net::ConnectEvents* waiting = nullptr;
  Memory* endpoint = nullptr;

 private:
  std::unique_ptr<weir::net::Transport> made_;
};

class NoMailbox final : public weir::Mailbox {
 public:
  void post(std::function<void()> /*task*/) override {}
};

class NoRecorder final : public weir::telemetry::Recorder {
 public:
  void record(const weir::telemetry::Record& record) override {
    benchmark::DoNotOptimize(record.status);
  }
  void exchange_started(weir::telemetry::Direction) override {}
  void exchange_ended(weir::telemetry::Direction) override {}
  void tunnel_started(weir::telemetry::Direction) override {}
  void connection_detected(weir::telemetry::Direction, std::string_view) override {}
  void connection_refused(weir::telemetry::Direction, std::string_view) override {}
  void tls_established(weir::telemetry::Direction, const weir::net::TlsPeer&) override {}
  void tls_failed(weir::telemetry::Direction, std::string_view) override {}
  void downstream_opened(weir::telemetry::Direction) override {}
  void downstream_closed(weir::telemetry::Direction, weir::telemetry::Closed) override {}
  void upstream_opened(std::string_view) override {}
  void upstream_closed(std::string_view, weir::telemetry::Closed) override {}
  void malformed_request(weir::telemetry::Direction, std::string_view) override {}
  void downstream_flood(weir::telemetry::Direction, std::string_view) override {}
  void upstream_flood(std::string_view, std::string_view) override {}
  void upstream_reset_sent(std::string_view) override {}
};

weir::policy::Service service() {
  weir::policy::Service service;
  service.outbound.emplace();
  weir::policy::Upstream upstream;
  upstream.name = "catalog";
  upstream.endpoints.emplace_back().address = *weir::Address::parse("10.0.0.4:8080");
  upstream.pool.idle_timeout = 1h;
  service.upstreams.push_back(std::move(upstream));
  weir::policy::Route route;
  route.name = "catalog";
  route.to = "catalog";
  service.routes.push_back(std::move(route));
  return service;
}

constexpr std::string_view request =
    "GET /v1/items/42?full=1 HTTP/1.1\r\nhost: catalog\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";

void warm_exchange(benchmark::State& state) {
  weir::Instant now{1h};
  weir::Scheduler scheduler{now};
  NoMailbox mailbox;
  MemoryConnector connector;
  NoRecorder recorder;
  weir::proxy::ProcessCounts counts;
  weir::proxy::Clusters clusters{1};
  weir::proxy::Worker worker{scheduler, mailbox, connector, recorder, counts, 1};
  worker.apply(clusters.compile(service(), now));
  auto transport = std::make_unique<Memory>(*weir::Address::parse("10.0.0.9:40000"));
  Memory& caller = *transport;
  worker.accept({weir::telemetry::Direction::outbound}, std::move(transport));
  scheduler.turn(now);
  const std::string answer =
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\r\n" +
      std::string(1024, 'x');
  for (auto _ : state) {
    caller.received.clear();
    caller.put(request);
    scheduler.turn(now += 10us);
    connector.finish();
    scheduler.turn(now += 10us);
    connector.endpoint->received.clear();
    connector.endpoint->put(answer);
    scheduler.turn(now += 80us);
    if (caller.received.size() < 1024) state.SkipWithError("no answer came");
  }
}
BENCHMARK(warm_exchange);

void prepare_request(benchmark::State& state) {
  const auto policy = service();
  const weir::Address caller = *weir::Address::parse("10.0.0.9:40000");
  weir::http::RequestHead head;
  for (auto _ : state) {
    head.clear();
    head.authority = "catalog";
    head.fields.add("user-agent", "bench");
    head.fields.add("accept", "*/*");
    weir::proxy::forward_request(head, *policy.outbound, caller);
    weir::proxy::mark_attempt(head, {250ms}, weir::proxy::AttemptNumber::first);
  }
}
BENCHMARK(prepare_request);

void arm_and_disarm_a_timer(benchmark::State& state) {
  struct Nobody final : weir::Wakeable {
    void wake() override {}
  } nobody;
  weir::Instant now{1h};
  weir::Scheduler scheduler{now};
  weir::Timer timer{nobody};
  for (auto _ : state) {
    scheduler.arm_in(timer, 250ms);
    timer.disarm();
  }
}
BENCHMARK(arm_and_disarm_a_timer);

}  // namespace
