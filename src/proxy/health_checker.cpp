#include "weir/proxy/health_checker.h"

#include <optional>
#include <string>
#include <utility>

#include "weir/base/log.h"
#include "weir/proxy/health_message.h"
#include "weir/resilience/health_check.h"
#include "weir/upstream/attempt.h"
#include "weir/upstream/wire.h"

namespace weir::proxy {
namespace {

using resilience::Failure;
using resilience::Wellness;
using AttemptState = upstream::Attempt::State;
using Connection = upstream::Attempt::Connection;

// More than any answer to a health check; the rest of a longer one is not waited for.
constexpr std::size_t longest_answer = 64UL * 1024;
constexpr std::string_view no_service = "unimplemented";

}  // namespace

struct HealthChecker::Target {
  std::shared_ptr<const Snapshot> snapshot;  // keeps the policy alive
  Destination to;

  const policy::HealthCheck& policy() const { return *to.upstream->health; }
  bool grpc() const { return policy().kind == policy::HealthCheck::Kind::grpc; }
};

// One endpoint's checks.
class HealthChecker::Probe final : public Wakeable {
 public:
  Probe(HealthChecker& checker, Target target, std::uint64_t endpoint_id)
      : checker_(checker), next_(std::move(target)), target_(next_), endpoint_id_(endpoint_id) {}
  ~Probe() override { stop(); }

  // From the next check on.
  void aim(const Target& target) { next_ = target; }
  void begin();

 private:
  void wake() override;
  void start(Connection connection);
  upstream::Wire wire() const;
  void advance();
  void send();
  void read();
  void judge();
  void conclude(const HealthAnswer& answer);
  void stop();
  void tell(std::string_view reason) const;

  HealthChecker& checker_;
  Target next_;
  Target target_;  // of the check in progress, or the last one
  std::uint64_t endpoint_id_;
  std::string address_;
  resilience::HealthVerdict verdict_;
  Instant began_{};
  Timer timer_{*this};  // the timeout while asking, else the next check
  std::optional<upstream::Attempt> attempt_;
  http::Source* reading_ = nullptr;
  std::string body_;
  bool fresh_ = false;  // the connection was made for this check
};

void HealthChecker::Probe::begin() {
  target_ = next_;
  began_ = checker_.scheduler_.now();
  checker_.scheduler_.arm_in(timer_, target_.policy().timeout);
  start(Connection::any);
}

void HealthChecker::Probe::start(Connection connection) {
  auto lease = target_.to.cluster->lease_for_check(endpoint_id_);
  // The endpoint has left; apply() will say so.
  if (!lease) return timer_.disarm();
  address_ = lease->endpoint().facts.address.text();
  fresh_ = connection == Connection::fresh;
  body_.clear();
  attempt_.emplace(checker_.pools_, *this);
  const upstream::Ends ends = target_.to.ends_towards(lease->endpoint().facts.address);
  const auto approach = target_.to.approach(ends, target_.snapshot->generation);
  attempt_->start(std::move(*lease), approach, connection, wire());
  advance();
}

// Health of gRPC is asked over HTTP/2 whatever else the upstream speaks.
upstream::Wire HealthChecker::Probe::wire() const {
  if (target_.grpc()) return upstream::Wire::http_2;
  return upstream::wire_for(*target_.to.upstream, {});
}

void HealthChecker::Probe::wake() {
  if (!timer_.fired()) {
    if (attempt_) advance();
    return;
  }
  timer_.disarm();
  if (!attempt_) return begin();
  conclude({Wellness::unwell, "timeout"});
}

void HealthChecker::Probe::advance() {
  switch (attempt_->state()) {
    case AttemptState::resting:
    case AttemptState::connecting:
    case AttemptState::waiting: break;
    case AttemptState::connected: send(); break;
    case AttemptState::informed:
      attempt_->next_head();
      checker_.scheduler_.schedule(*this);
      break;
    case AttemptState::responding: read(); break;
    case AttemptState::failed: {
      const Failure failure = attempt_->failure();
      stop();
      // The keep-alive race says nothing of the endpoint.
      if (failure == Failure::reset_reused_connection && !fresh_) return start(Connection::fresh);
      conclude({Wellness::unwell, resilience::name_of(failure)});
    }
  }
}

void HealthChecker::Probe::send() {
  const HealthQuestion question = make_health_question(target_.policy(), target_.to.upstream->name);
  attempt_->send(question.head);
  if (question.body.empty() || attempt_->state() != AttemptState::waiting) return;
  http::Sink& sink = attempt_->request_body();
  sink.write(question.body);
  sink.finish(nullptr);
}

// To the end, so that the connection can be used again.
void HealthChecker::Probe::read() {
  reading_ = &attempt_->body();
  reading_->wake_on_readable(this);
  for (;;) {
    const http::Pull pulled = reading_->pull();
    switch (pulled.state) {
      case http::Pull::State::pending: return;
      case http::Pull::State::failed:
        return conclude({Wellness::unwell, resilience::name_of(Failure::reset_mid_response)});
      case http::Pull::State::end: return judge();
      case http::Pull::State::data: break;
    }
    body_.append(pulled.bytes.begin(), pulled.bytes.end());
    reading_->consume(pulled.bytes.size());
    if (body_.size() > longest_answer) return judge();
  }
}

void HealthChecker::Probe::judge() {
  const http::ResponseHead& head = attempt_->response();
  conclude(target_.grpc() ? judge_grpc_health(head, body_, reading_->trailers())
                          : judge_http_health(head));
}

void HealthChecker::Probe::conclude(const HealthAnswer& answer) {
  stop();
  const policy::HealthCheck& policy = target_.policy();
  const auto before = verdict_.current();
  const auto verdict = verdict_.record(answer.wellness, policy);
  if (verdict) target_.to.cluster->report_health(endpoint_id_, *verdict);
  // That all is as it should be is no news, unless nobody knows why.
  if (verdict != before && (before || verdict == Wellness::unwell || answer.reason == no_service)) {
    tell(answer.reason);
  }
  const Instant now = checker_.scheduler_.now();
  checker_.scheduler_.arm(timer_, resilience::next_check(began_, policy, checker_.random_, now));
}

void HealthChecker::Probe::tell(std::string_view reason) const {
  const bool unwell = verdict_.current() == Wellness::unwell;
  const bool doubtful = unwell || reason == no_service;
  log::write(doubtful ? log::Level::warn : log::Level::info,
             unwell ? "endpoint is unwell" : "endpoint is well",
             {{"upstream", target_.to.upstream->name}, {"endpoint", address_}, {"reason", reason}});
}

void HealthChecker::Probe::stop() {
  if (reading_ != nullptr) std::exchange(reading_, nullptr)->wake_on_readable(nullptr);
  attempt_.reset();
}

HealthChecker::HealthChecker(Scheduler& scheduler, upstream::Pools& pools, Random& random)
    : scheduler_(scheduler), pools_(pools), random_(random) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::apply(const std::shared_ptr<const Snapshot>& snapshot) {
  Probes kept;
  for (const auto direction : {telemetry::Direction::inbound, telemetry::Direction::outbound}) {
    const CompiledListener* listener = snapshot->listener(direction);
    if (listener == nullptr) continue;
    for (const CompiledRoute& route : listener->routes) {
      keep({snapshot, route.to}, kept);
      if (!route.fallback) continue;
      keep({snapshot, *route.fallback}, kept);
    }
  }
  probes_ = std::move(kept);
}

void HealthChecker::keep(const Target& target, Probes& probes) {
  if (!target.to.upstream->health) return;
  for (const std::uint64_t id : target.to.cluster->endpoint_ids()) {
    if (probes.contains(id)) continue;
    if (const auto known = probes_.find(id); known != probes_.end()) {
      known->second->aim(target);
      probes.emplace(id, std::move(known->second));
      continue;
    }
    auto& probe = *probes.emplace(id, std::make_unique<Probe>(*this, target, id)).first->second;
    probe.begin();
  }
}

}  // namespace weir::proxy
