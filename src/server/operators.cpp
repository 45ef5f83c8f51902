// What operators are told of a Process.

#include "server/operators.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>

#include "weir/config/effective.h"
#include "weir/server/process.h"

namespace weir::server {
namespace {

// A page for people need not show more, and a worker that is too busy to answer is left out.
constexpr std::size_t most_in_flight = 200;
constexpr Duration patience = std::chrono::milliseconds{100};

// What the workers answer, each on its own thread; outlives an asker who has given up.
struct Answers {
  std::mutex mutex;
  std::condition_variable came;
  std::size_t count = 0;
  std::vector<proxy::ExchangeStatus> exchanges;
};

admin::InFlight shown(const proxy::ExchangeStatus& exchange, std::uint64_t id) {
  return {
      .id = id,
      .direction = exchange.direction,
      .request = (exchange.method + ' ' + exchange.authority + exchange.path).substr(0, 200),
      .route = exchange.route,
      .upstream = {},
      .state = exchange.attempts == 0 ? "queued" : "attempt " + std::to_string(exchange.attempts),
      .age = exchange.age,
      .budget = exchange.age + exchange.budget_left,
      .budget_left = exchange.budget_left};
}

}  // namespace

net::HttpHandler operator_handler(admin::Sources sources) {
  // A std::function must be copyable; one server answers for all copies.
  auto server = std::make_shared<const admin::AdminServer>(std::move(sources));
  return [server](const net::HttpRequest& request) {
    const admin::AdminResponse answer =
        server->answer({.method = request.method,
                        .path = request.path,
                        .query = request.query,
                        .host = std::string{request.field("host")},
                        .accept = std::string{request.field("accept")},
                        .accept_encoding = std::string{request.field("accept-encoding")},
                        .weir_admin = std::string{request.field("weir-admin")}});
    net::HttpResponse response{.status = answer.status,
                               .content_type = answer.content_type,
                               .body = answer.body,
                               .fields = {}};
    for (const auto& [name, value] : answer.fields) response.fields.push_back({name, value});
    return response;
  };
}

admin::Sources Process::admin_sources() {
  return {.view = [this] { return view(); },
          .effective_yaml = [this] { return config::effective_yaml(snapshot_->service); },
          .metrics =
              [this](telemetry::Exposition exposition) {
                return telemetry_.metrics().scrape(exposition);
              },
          .readiness = [this] { return admin::Readiness{.phase = phase(), .reason = {}}; },
          .reload = [this] { return reload(); },
          .drain =
              [this] {
                if (state_ == State::serving) drain();
              }};
}

admin::Phase Process::phase() const {
  switch (state_) {
    case State::starting: return admin::Phase::starting;
    case State::serving: return admin::Phase::ready;
    case State::draining: return admin::Phase::draining;
  }
  return admin::Phase::starting;
}

admin::View Process::view() {
  const policy::Service& service = snapshot_->service;
  const Instant now = std::chrono::steady_clock::now();
  return {.weir_version = WEIR_VERSION,
          .service = service.identity,
          .phase = phase(),
          .phase_reason = {},
          .generation = snapshot_->generation,
          .uptime = now - started_,
          .workers = static_cast<std::uint32_t>(workers_.size()),
          .inbound = service.inbound ? service.inbound->listen.text() : "",
          .outbound = service.outbound ? service.outbound->listen.text() : "",
          .totals = telemetry_.metrics().totals(),
          .upstreams = clusters_.status(now),
          .in_flight = in_flight(),
          .history = {history_.begin(), history_.end()}};
}

std::vector<admin::InFlight> Process::in_flight() {
  auto answers = std::make_shared<Answers>();
  for (auto& worker : workers_) {
    worker->ask([answers](const proxy::Worker& asked) {
      auto exchanges = asked.status(most_in_flight);
      const std::lock_guard lock(answers->mutex);
      std::ranges::move(exchanges, std::back_inserter(answers->exchanges));
      ++answers->count;
      answers->came.notify_one();
    });
  }
  std::unique_lock lock(answers->mutex);
  answers->came.wait_for(lock, patience, [&] { return answers->count == workers_.size(); });
  std::ranges::sort(answers->exchanges, std::ranges::greater{}, &proxy::ExchangeStatus::age);
  std::vector<admin::InFlight> oldest;
  for (const auto& exchange : answers->exchanges) {
    if (oldest.size() == most_in_flight) break;
    oldest.push_back(shown(exchange, oldest.size() + 1));
  }
  return oldest;
}

}  // namespace weir::server
