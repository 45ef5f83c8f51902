#include "weir/telemetry/worker_metrics.h"

#include "shard.h"

namespace weir::telemetry {

std::string_view name_of(Direction direction) {
  return direction == Direction::inbound ? "inbound" : "outbound";
}

std::string_view name_of(Unproductive reason) {
  switch (reason) {
    case Unproductive::none: return "none";
    case Unproductive::caller_gone: return "caller_gone";
    case Unproductive::deadline_passed: return "deadline_passed";
    case Unproductive::hedge_lost: return "hedge_lost";
  }
  return "";
}

std::string_view name_of(Work work) { return work == Work::late ? "late" : "cut_short"; }

std::string_view name_of(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::closed: return "closed";
    case TunnelEnd::caller_reset: return "caller_reset";
    case TunnelEnd::upstream_reset: return "upstream_reset";
    case TunnelEnd::idle: return "idle";
    case TunnelEnd::age: return "age";
    case TunnelEnd::drain: return "drain";
    case TunnelEnd::not_established: return "not_established";
  }
  return "";
}

std::string_view name_of(AuthorizationVerdict verdict) {
  switch (verdict) {
    case AuthorizationVerdict::unasked: return "unasked";
    case AuthorizationVerdict::allowed: return "allowed";
    case AuthorizationVerdict::denied: return "denied";
    case AuthorizationVerdict::would_deny: return "would_deny";
  }
  return "";
}

namespace {

// An attempt of the fallback's upstream counts there.
std::string_view upstream_of(const Record& record, const AttemptRecord& attempt) {
  return attempt.upstream.empty() ? record.upstream : attempt.upstream;
}

// Whether the answer proves that the method exists. A caller can invent names without end; an
// endpoint says of those that it does not implement them, or that the caller may not ask.
bool answered_by_its_method(const Record& record) {
  const bool answered =
      record.failure == resilience::Failure::none && !record.fallback && record.attempt_count > 0;
  if (!answered || !record.grpc_status) return false;
  switch (static_cast<http::GrpcStatus>(*record.grpc_status)) {
    case http::GrpcStatus::unimplemented:
    case http::GrpcStatus::permission_denied:
    case http::GrpcStatus::unauthenticated: return false;
    default: return true;
  }
}

GrpcValues& grpc_values(const Record& record, ListenerValues& listener, Count& overflow) {
  if (const auto method = http::parse_grpc_method(record.target)) {
    const std::array labels{record.upstream, method->service, method->method};
    if (GrpcValues* known = listener.grpc.find(labels)) return *known;
    if (answered_by_its_method(record)) {
      if (listener.grpc_methods < grpc_method_limit) {
        ++listener.grpc_methods;
        return listener.grpc.at(labels);
      }
      overflow.add();
    }
  }
  return listener.grpc.at({record.upstream, "other", "other"});
}

}  // namespace

std::span<const AttemptRecord> attempts_of(const Record& record) {
  return std::span{record.attempts}.first(
      std::min<std::size_t>(record.attempt_count, record.attempts.size()));
}

WorkerMetrics::WorkerMetrics(std::size_t series_limit)
    : shard_(std::make_unique<Shard>(series_limit)) {}
WorkerMetrics::~WorkerMetrics() = default;

void WorkerMetrics::record(const Record& record) {
  if (record.tunnel) {
    record_tunnel(record);
  } else {
    record_exchange(record);
  }
  record_attempts(record);
  if (record.grpc) record_grpc(record);
  if (record.authorization != AuthorizationVerdict::unasked) record_authorization(record);
  if (!record.upstream.empty()) record_upstream(record);
}

void WorkerMetrics::record_tunnel(const Record& record) {
  ListenerValues& listener = shard_->listener(record.direction);
  listener.tunnels_ended.add();
  TunnelValues& tunnels = listener.tunnels.at({record.upstream});
  tunnels.ended[index_of(record.tunnel->end)].add();
  tunnels.from_caller.add(record.bytes_received);
  tunnels.from_upstream.add(record.bytes_sent);
}

void WorkerMetrics::record_exchange(const Record& record) {
  ListenerValues& listener = shard_->listener(record.direction);
  if (record.malformed_grants > 0) listener.malformed_grants.add(record.malformed_grants);
  if (record.failure == resilience::Failure::expired_on_arrival) listener.expired.add();

  ExchangeValues& exchange = listener.exchanges.at({record.route, record.upstream, record.version});
  exchange.ended[status_class(record.status)][index_of(record.failure)].add();
  exchange.duration.observe(record.elapsed);
  if (record.first_byte) exchange.first_byte.observe(*record.first_byte);
  if (record.bytes_received > 0) exchange.request_bytes.add(record.bytes_received);
  if (record.bytes_sent > 0) exchange.response_bytes.add(record.bytes_sent);
  if (record.fallback) exchange.fallbacks.add();

  // Without a route nobody has set a budget or looked for a cause.
  if (record.upstream.empty()) return;
  listener.budget_source[index_of(record.budget_source)].add();
  listener.budget.observe(record.budget);
  listener.budget_left.observe(record.budget_left);
  if (record.direction == Direction::outbound) {
    exchange.causes[index_of(record.cause)].add();
    const bool sent = record.attempt_count > 0;
    if (record.cascaded) {
      exchange.cascaded[index_of(sent ? Cascade::cancelled : Cascade::refused)].add();
    }
  }
}

void WorkerMetrics::record_attempts(const Record& record) {
  for (const AttemptRecord& attempt : attempts_of(record)) {
    const std::string_view name = upstream_of(record, attempt);
    AttemptValues& values = shard_->attempts.at({name, attempt.version});
    if (attempt.failure == resilience::Failure::none) {
      values.responses[status_class(attempt.status)].add();
    } else {
      values.failures[index_of(attempt.failure)].add();
    }
    values.duration.observe(attempt.elapsed);
    if (attempt.unproductive != Unproductive::none) {
      auto& reasons = values.sunk[index_of(record.direction)];
      SunkValues& sunk = reasons[index_of(attempt.unproductive)][index_of(attempt.work)];
      const auto time = std::max(attempt.sunk, Duration::zero());
      sunk.nanoseconds.add(static_cast<std::uint64_t>(time.count()));
      sunk.attempts.add();
    }
    if (attempt.reused_connection) shard_->upstreams.at({name}).reused.add();
  }
}

void WorkerMetrics::record_upstream(const Record& record) {
  UpstreamValues& upstream = shard_->upstreams.at({record.upstream});
  const auto attempts = attempts_of(record);
  if (attempts.size() > 1 && upstream_of(record, attempts[1]) == record.upstream) {
    const bool answered = record.tunnel || (record.status != 0 && record.status < 500);
    const bool saved = record.failure == resilience::Failure::none && answered && !record.fallback;
    const auto result = index_of(saved ? Result::success : Result::failure);
    (record.hedged ? upstream.hedges : upstream.failovers)[result].add();
  }
  if (record.failover_refused != resilience::Refusal::none) {
    upstream.refused[index_of(record.failover_refused)].add();
  }
  if (record.grpc_status) {
    upstream.grpc[std::min<std::size_t>(*record.grpc_status, grpc_statuses)].add();
  }
}

void WorkerMetrics::record_grpc(const Record& record) {
  constexpr std::size_t without = grpc_statuses + 1;
  GrpcValues& values = grpc_values(record, shard_->listener(record.direction), shard_->overflow);
  const std::size_t status =
      record.grpc_status ? std::min<std::size_t>(*record.grpc_status, grpc_statuses) : without;
  values.ended[status].add();
  values.duration.observe(record.elapsed);
}

// Whoever holds a certificate of ours can come with a name of his own.
void WorkerMetrics::record_authorization(const Record& record) {
  auto& callers = shard_->callers;
  const std::string_view caller = record.caller.empty() ? "none" : record.caller;
  auto* counts = callers.find({caller});
  if (counts == nullptr && shard_->known_callers < caller_limit) {
    ++shard_->known_callers;
    counts = &callers.at({caller});
  }
  if (counts == nullptr) counts = &callers.at({"other"});
  (*counts)[index_of(record.authorization)].add();
}

void WorkerMetrics::exchange_started(Direction direction) {
  shard_->listener(direction).started.add();
}
void WorkerMetrics::exchange_ended(Direction direction) { shard_->listener(direction).ended.add(); }

void WorkerMetrics::tunnel_started(Direction direction) {
  shard_->listener(direction).tunnels_started.add();
}
void WorkerMetrics::connection_detected(Direction direction, std::string_view kind) {
  shard_->listener(direction).detected.at({kind}).add();
}
void WorkerMetrics::connection_refused(Direction direction, std::string_view reason) {
  shard_->listener(direction).refused.at({reason}).add();
}
void WorkerMetrics::tls_established(Direction direction, const net::TlsPeer& peer) {
  shard_->listener(direction).handshakes[peer.tls_1_3 ? 1 : 0][peer.resumed ? 1 : 0].add();
}
void WorkerMetrics::tls_failed(Direction direction, std::string_view reason) {
  shard_->listener(direction).handshake_failures.at({reason}).add();
}

void WorkerMetrics::downstream_opened(Direction direction) {
  shard_->listener(direction).opened.add();
}
void WorkerMetrics::downstream_closed(Direction direction, Closed reason) {
  shard_->listener(direction).closed[index_of(reason)].add();
}

void WorkerMetrics::upstream_opened(std::string_view upstream) {
  shard_->upstreams.at({upstream}).opened.add();
}
void WorkerMetrics::upstream_closed(std::string_view upstream, Closed reason) {
  shard_->upstreams.at({upstream}).closed[index_of(reason)].add();
}

void WorkerMetrics::malformed_request(Direction direction, std::string_view reason) {
  shard_->listener(direction).malformed_requests.at({reason}).add();
}

void WorkerMetrics::downstream_flood(Direction direction, std::string_view flood) {
  shard_->listener(direction).floods.at({flood}).add();
}
void WorkerMetrics::upstream_flood(std::string_view upstream, std::string_view flood) {
  shard_->upstream_floods.at({upstream, flood}).add();
}
void WorkerMetrics::upstream_reset_sent(std::string_view upstream) {
  shard_->upstreams.at({upstream}).resets_sent.add();
}

}  // namespace weir::telemetry
