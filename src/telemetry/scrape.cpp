#include "scrape.h"

#include "process.h"
#include "weir/codec/h2_error.h"

namespace weir::telemetry {
namespace {

using resilience::BudgetSource;
using resilience::Failure;
using resilience::Refusal;

double number(std::uint64_t count) { return static_cast<double>(count); }
double number(const Count& count) { return number(count.value()); }

template <std::size_t Size>
std::uint64_t sum(const std::array<Count, Size>& counts) {
  std::uint64_t total = 0;
  for (const Count& count : counts) total += count.value();
  return total;
}

// The two counters are read one after the other while the writer goes on.
std::uint64_t open_now(std::uint64_t opened, std::uint64_t closed) {
  return opened > closed ? opened - closed : 0;
}

// Of a slot in the tables by grpc-status.
std::string grpc_label(std::size_t slot) {
  if (slot < grpc_statuses) return std::to_string(slot);
  return slot == grpc_statuses ? "other" : "none";
}

class ShardReader {
 public:
  explicit ShardReader(FamilyBuilder& families) : families_(families) {}

  void read(const WorkerMetrics::Shard& shard) {
    families_.add(Family::series_overflow, {}, number(shard.overflow));
    for (const auto direction : {Direction::inbound, Direction::outbound}) {
      read_listener(name_of(direction), shard.listeners[index_of(direction)]);
    }
    shard.attempts.for_each([this](const auto& series) { read_attempts(series); });
    shard.upstreams.for_each([this](const auto& series) { read_upstream(series); });
    shard.callers.for_each([this](const auto& series) {
      for (std::size_t verdict = 1; verdict < authorization_verdict_count; ++verdict) {
        const Count& count = series.values[verdict];
        if (count.value() == 0) continue;
        families_.add(Family::authorization,
                      {series.labels[0], name_of(static_cast<AuthorizationVerdict>(verdict))},
                      number(count));
      }
    });
    shard.upstream_floods.for_each([this](const auto& series) {
      families_.add(Family::upstream_floods, {series.labels[0], series.labels[1]},
                    number(series.values));
    });
  }

 private:
  void read_listener(std::string_view direction, const ListenerValues& values) {
    values.exchanges.for_each([&](const auto& series) { read_exchange(direction, series); });
    values.grpc.for_each([&](const auto& series) { read_grpc(direction, series); });
    read_reasons(Family::malformed_requests, direction, values.malformed_requests);
    read_reasons(Family::downstream_floods, direction, values.floods);
    read_reasons(Family::connections_detected, direction, values.detected);
    read_reasons(Family::connections_refused, direction, values.refused);
    read_handshakes(direction, values);
    values.tunnels.for_each([&](const auto& series) { read_tunnels(direction, series); });
    families_.add(Family::tunnels_open, {direction},
                  number(open_now(values.tunnels_started.value(), values.tunnels_ended.value())));
    // Zeros, so that the first one is seen as an increase.
    for (std::size_t flood = 0; flood < codec::h2_flood_count; ++flood) {
      families_.add(Family::downstream_floods,
                    {direction, codec::name_of(static_cast<codec::H2Flood>(flood))}, 0);
    }
    for (std::size_t source = 0; source < budget_source_count; ++source) {
      families_.add(Family::budget_source,
                    {direction, resilience::name_of(static_cast<BudgetSource>(source))},
                    number(values.budget_source[source]));
    }
    families_.observe(Family::budget, {direction}, values.budget);
    families_.observe(Family::budget_left, {direction}, values.budget_left);
    families_.add(Family::malformed_grants, {direction}, number(values.malformed_grants));
    families_.add(Family::expired, {direction}, number(values.expired));
    families_.add(Family::exchanges_in_flight, {direction},
                  number(open_now(values.started.value(), values.ended.value())));
    families_.add(Family::downstream_opened, {direction}, number(values.opened));
    families_.add(Family::downstream_open, {direction},
                  number(open_now(values.opened.value(), sum(values.closed))));
    read_closed(Family::downstream_closed, direction, values.closed);
  }

  void read_exchange(std::string_view direction, const auto& series) {
    const auto& [route, upstream, version] = series.labels;
    const ExchangeValues& values = series.values;
    for (std::size_t status = 0; status < status_classes.size(); ++status) {
      for (std::size_t failure = 0; failure < failure_count; ++failure) {
        const std::uint64_t count = values.ended[status][failure].value();
        if (count == 0) continue;
        families_.add(Family::requests,
                      {direction, route, upstream, version, status_classes[status],
                       resilience::name_of(static_cast<Failure>(failure))},
                      number(count));
      }
    }
    families_.observe(Family::request_duration, {direction, route, upstream}, values.duration);
    families_.observe(Family::first_byte, {direction, route, upstream}, values.first_byte);
    const std::initializer_list<std::string_view> labels{direction, route, upstream};
    families_.add(Family::request_bytes, labels, number(values.request_bytes));
    families_.add(Family::response_bytes, labels, number(values.response_bytes));
    families_.add(Family::fallbacks, labels, number(values.fallbacks));
    if (!upstream.empty()) read_upstream_of_exchange(direction, upstream, values);
  }

  // Zeros are shown where the set is small, so that rates begin with the first event.
  void read_upstream_of_exchange(std::string_view direction, std::string_view upstream,
                                 const ExchangeValues& values) {
    for (std::size_t reason = 1; reason < unproductive_count; ++reason) {
      const std::string_view word = name_of(static_cast<Unproductive>(reason));
      for (const Work work : {Work::cut_short, Work::late}) {
        families_.add(Family::unproductive, {direction, upstream, word, name_of(work)}, 0);
      }
      families_.add(Family::late_responses, {direction, upstream, word}, 0);
    }
    if (direction != name_of(Direction::outbound)) return;
    for (std::size_t source = 0; source < cause_source_count; ++source) {
      families_.add(Family::causes, {upstream, name_of(static_cast<CauseSource>(source))},
                    number(values.causes[source]));
    }
    for (std::size_t call = 0; call < cascades.size(); ++call) {
      families_.add(Family::cascaded, {upstream, cascades[call]}, number(values.cascaded[call]));
    }
  }

  // A direction without TLS shows nothing.
  void read_handshakes(std::string_view direction, const ListenerValues& values) {
    constexpr std::array<std::string_view, 2> resumed{"false", "true"};
    for (std::size_t version = 0; version < tls_versions.size(); ++version) {
      for (std::size_t how = 0; how < resumed.size(); ++how) {
        const Count& count = values.handshakes[version][how];
        if (count.value() == 0) continue;
        families_.add(Family::tls_handshakes, {direction, tls_versions[version], resumed[how]},
                      number(count));
      }
    }
    read_reasons(Family::tls_handshake_failures, direction, values.handshake_failures);
  }

  void read_reasons(Family family, std::string_view direction, const auto& table) {
    table.for_each([&](const auto& series) {
      families_.add(family, {direction, series.labels[0]}, number(series.values));
    });
  }

  void read_tunnels(std::string_view direction, const auto& series) {
    const std::string_view upstream = series.labels[0];
    const TunnelValues& values = series.values;
    for (std::size_t end = 0; end < tunnel_end_count; ++end) {
      if (values.ended[end].value() == 0) continue;
      families_.add(Family::tunnels, {direction, upstream, name_of(static_cast<TunnelEnd>(end))},
                    number(values.ended[end]));
    }
    families_.add(Family::tunnel_bytes, {direction, upstream, "caller"},
                  number(values.from_caller));
    families_.add(Family::tunnel_bytes, {direction, upstream, "upstream"},
                  number(values.from_upstream));
  }

  void read_grpc(std::string_view direction, const auto& series) {
    const auto& [upstream, service, method] = series.labels;
    const GrpcValues& values = series.values;
    for (std::size_t status = 0; status < values.ended.size(); ++status) {
      if (values.ended[status].value() == 0) continue;
      families_.add(Family::grpc_requests,
                    {direction, upstream, service, method, grpc_label(status)},
                    number(values.ended[status]));
    }
    families_.observe(Family::grpc_request_duration, {direction, upstream, service, method},
                      values.duration);
  }

  void read_attempts(const auto& series) {
    const auto& [upstream, version] = series.labels;
    const auto add = [&](std::string_view outcome, std::uint64_t count) {
      if (count > 0) families_.add(Family::attempts, {upstream, version, outcome}, number(count));
    };
    for (std::size_t status = 0; status < status_classes.size(); ++status) {
      add(status_classes[status], series.values.responses[status].value());
    }
    for (std::size_t failure = 0; failure < failure_count; ++failure) {
      add(resilience::name_of(static_cast<Failure>(failure)),
          series.values.failures[failure].value());
    }
    families_.observe(Family::attempt_duration, {upstream, version}, series.values.duration);
    for (const auto direction : {Direction::inbound, Direction::outbound}) {
      for (std::size_t reason = 1; reason < unproductive_count; ++reason) {
        read_sunk(direction, upstream, static_cast<Unproductive>(reason),
                  series.values.sunk[index_of(direction)][reason]);
      }
    }
  }

  void read_sunk(Direction direction, std::string_view upstream, Unproductive reason,
                 const std::array<SunkValues, work_count>& sunk) {
    for (const Work work : {Work::cut_short, Work::late}) {
      const SunkValues& values = sunk[index_of(work)];
      if (values.attempts.value() == 0) continue;
      families_.add(Family::unproductive,
                    {name_of(direction), upstream, name_of(reason), name_of(work)},
                    number(values.nanoseconds) / 1e9);
      if (work == Work::cut_short) continue;
      families_.add(Family::late_responses, {name_of(direction), upstream, name_of(reason)},
                    number(values.attempts));
    }
  }

  void read_upstream(const auto& series) {
    const std::string_view name = series.labels[0];
    const UpstreamValues& values = series.values;
    for (std::size_t result = 0; result < results.size(); ++result) {
      families_.add(Family::failovers, {name, results[result]}, number(values.failovers[result]));
      families_.add(Family::hedges, {name, results[result]}, number(values.hedges[result]));
    }
    for (std::size_t reason = 1; reason < resilience::refusal_count; ++reason) {
      families_.add(Family::failover_refused,
                    {name, resilience::name_of(static_cast<Refusal>(reason))},
                    number(values.refused[reason]));
    }
    for (std::size_t status = 0; status < values.grpc.size(); ++status) {
      if (values.grpc[status].value() == 0) continue;
      families_.add(Family::grpc_responses, {name, grpc_label(status)},
                    number(values.grpc[status]));
    }
    families_.add(Family::upstream_resets_sent, {name}, number(values.resets_sent));
    families_.add(Family::upstream_opened, {name}, number(values.opened));
    families_.add(Family::upstream_reused, {name}, number(values.reused));
    families_.add(Family::upstream_open, {name},
                  number(open_now(values.opened.value(), sum(values.closed))));
    read_closed(Family::upstream_closed, name, values.closed);
  }

  void read_closed(Family family, std::string_view label,
                   const std::array<Count, closed_count>& closed) {
    for (std::size_t reason = 0; reason < closed_count; ++reason) {
      if (closed[reason].value() == 0) continue;
      families_.add(family, {label, net::name_of(static_cast<Closed>(reason))},
                    number(closed[reason]));
    }
  }

  FamilyBuilder& families_;
};

void add_process(FamilyBuilder& families) {
  const ProcessFacts facts = read_process_facts();
  families.add(Family::process_cpu, {}, facts.cpu_seconds);
  families.add(Family::process_resident, {}, facts.resident_bytes);
  families.add(Family::process_virtual, {}, facts.virtual_bytes);
  families.add(Family::process_open_descriptors, {}, facts.open_descriptors);
  families.add(Family::process_max_descriptors, {}, facts.max_descriptors);
  families.add(Family::process_start, {}, facts.started);
}

void add_listener(Totals& totals, Direction direction, const ListenerValues& listener) {
  totals.expired += listener.expired.value();
  for (std::size_t source = 0; source < budget_source_count; ++source) {
    totals.budget_sources[index_of(direction)][source] += listener.budget_source[source].value();
  }
  totals.downstream_connections += open_now(listener.opened.value(), sum(listener.closed));
  listener.exchanges.for_each([&](const auto& series) {
    const ExchangeValues& values = series.values;
    for (std::size_t status = 0; status < status_classes.size(); ++status) {
      const std::uint64_t ended = sum(values.ended[status]);
      totals.requests += ended;
      if (status == 0 || status == 5) totals.failures += ended;
    }
    totals.fallbacks += values.fallbacks.value();
    for (std::size_t source = 0; source < cause_source_count; ++source) {
      totals.causes[source] += values.causes[source].value();
    }
    totals.cascade_cancelled += values.cascaded[index_of(Cascade::cancelled)].value();
    totals.cascade_refused += values.cascaded[index_of(Cascade::refused)].value();
    totals.request_bytes += values.request_bytes.value();
    totals.response_bytes += values.response_bytes.value();
  });
}

void add_upstream(Totals& totals, const UpstreamValues& values) {
  const std::uint64_t saved = values.failovers[index_of(Result::success)].value();
  totals.failovers_saved += saved;
  totals.failovers += saved + values.failovers[index_of(Result::failure)].value();
  totals.failovers_refused += sum(values.refused);
  totals.upstream_connections += open_now(values.opened.value(), sum(values.closed));
}

void add_sunk(Totals& totals, const AttemptValues& values) {
  for (const auto& reasons : values.sunk) {
    for (const auto& works : reasons) {
      for (const SunkValues& sunk : works) {
        totals.unproductive_seconds += number(sunk.nanoseconds) / 1e9;
      }
      totals.late_responses += works[index_of(Work::late)].attempts.value();
    }
  }
}

}  // namespace

std::vector<prometheus::MetricFamily> Metrics::Scrape::Collect() const {
  const std::lock_guard lock{metrics_.mutex_};
  FamilyBuilder families;
  ShardReader reader{families};
  for (const auto& worker : metrics_.workers_) reader.read(worker->shard());
  for (const auto& source : metrics_.sources_) {
    for (auto& sample : source()) {
      families.add(sample.family, std::move(sample.labels), sample.value);
    }
  }
  families.add(Family::config_generation, {}, number(metrics_.generation_.load()));
  families.add(Family::config_last_reload, {}, metrics_.last_reload_succeeded_.load() ? 1 : 0);
  families.add(Family::config_reloads, {results[0]}, number(metrics_.reloads_succeeded_.load()));
  families.add(Family::config_reloads, {results[1]}, number(metrics_.reloads_failed_.load()));
  const std::uint64_t renewed = metrics_.tls_reloads_succeeded_.load();
  const std::uint64_t kept = metrics_.tls_reloads_failed_.load();
  if (renewed + kept > 0) {
    families.add(Family::tls_reloads, {results[0]}, number(renewed));
    families.add(Family::tls_reloads, {results[1]}, number(kept));
  }
  families.add(Family::build_info, {metrics_.version_}, 1);
  add_process(families);
  return families.build();
}

Totals Metrics::totals() const {
  const std::lock_guard lock{mutex_};
  Totals totals;
  for (const auto& worker : workers_) {
    const auto& shard = worker->shard();
    const auto in_flight = [&](Direction direction) {
      const auto& listener = shard.listeners[index_of(direction)];
      return open_now(listener.started.value(), listener.ended.value());
    };
    totals.inbound_in_flight += in_flight(Direction::inbound);
    totals.outbound_in_flight += in_flight(Direction::outbound);
    for (const auto direction : {Direction::inbound, Direction::outbound}) {
      add_listener(totals, direction, shard.listeners[index_of(direction)]);
    }
    shard.upstreams.for_each([&](const auto& series) { add_upstream(totals, series.values); });
    shard.attempts.for_each([&](const auto& series) { add_sunk(totals, series.values); });
  }
  return totals;
}

}  // namespace weir::telemetry
