#include "support/sim_recorder.h"

namespace weir::sim {

void RecordingRecorder::record(const telemetry::Record& record) {
  const Scope scope{Whose::world};
  ++counted;
  if (record.tunnel) ++tunnels_ended;
  if (!keep) return;
  Kept kept;
  kept.target = record.target;
  kept.route = record.route;
  kept.upstream = record.upstream;
  kept.version = record.version;
  kept.request_id = record.request_id;
  kept.authority = record.authority;
  kept.at = world_.now();
  for (std::size_t i = 0; i < record.attempts.size(); ++i) {
    kept.attempt_upstreams[i] = record.attempts[i].upstream;
  }
  kept.facts = record;
  telemetry::Record& facts = kept.facts;
  for (auto* view : {&facts.method_text, &facts.authority, &facts.target, &facts.request_id,
                     &facts.user_agent, &facts.route, &facts.upstream, &facts.version}) {
    *view = {};
  }
  for (auto& attempt : facts.attempts) attempt.version = attempt.upstream = {};
  records.push_back(std::move(kept));
}

void RecordingRecorder::downstream_closed(telemetry::Direction, telemetry::Closed reason) {
  --downstream_open;
  ++downstream_closes.at(static_cast<std::size_t>(reason));
}

void RecordingRecorder::upstream_closed(std::string_view, telemetry::Closed reason) {
  --upstream_open;
  ++upstream_closes.at(static_cast<std::size_t>(reason));
}

void RecordingRecorder::malformed_request(telemetry::Direction, std::string_view reason) {
  const Scope scope{Whose::world};
  ++malformed[std::string{reason}];
}

void RecordingRecorder::downstream_flood(telemetry::Direction, std::string_view flood) {
  const Scope scope{Whose::world};
  ++downstream_floods[std::string{flood}];
}

void RecordingRecorder::upstream_flood(std::string_view, std::string_view flood) {
  const Scope scope{Whose::world};
  ++upstream_floods[std::string{flood}];
}

const Kept* RecordingRecorder::of(std::string_view target) const {
  const Kept* found = nullptr;
  for (const Kept& kept : records) {
    if (kept.target != target) continue;
    if (found != nullptr) return nullptr;
    found = &kept;
  }
  return found;
}

}  // namespace weir::sim
