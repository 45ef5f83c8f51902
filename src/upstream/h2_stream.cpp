#include "weir/upstream/h2_stream.h"

#include <utility>

#include "weir/http/websocket.h"
#include "weir/resilience/failover.h"
#include "weir/upstream/h2_connection.h"

namespace weir::upstream {
namespace {

using resilience::Failure;

constexpr std::string_view key_name = "sec-websocket-key";
constexpr std::string_view accept_name = "sec-websocket-accept";

}  // namespace

H2Stream::H2Stream(H2Connection& connection, PoolServices& services, Wakeable& watcher)
    : services_(services),
      connection_(&connection),
      watcher_(&watcher),
      source_(connection.session(), *this, services.scheduler.ready()),
      sink_(connection.session(), *this, services.scheduler.ready()),
      response_(services.heads.take()) {}

H2Stream::~H2Stream() { services_.heads.give(std::move(response_)); }

bool H2Stream::reached() const { return connection_ != nullptr && connection_->reached(); }

void H2Stream::on_connected() { advance(Progress::connected); }

void H2Stream::start(const http::RequestHead& head) {
  if (!connection_->may_open()) return fail(Failure::stream_refused);
  progress_ = Progress::waiting;
  if (head.upgrade.empty()) return send(head);
  prepare_upgrade(head);
  if (connection_->settled()) on_settings();
}

void H2Stream::send(const http::RequestHead& head) {
  received_before_ = connection_->received();
  proven_ = connection_->answered();
  reused_ = !connection_->carried_nothing();
  connection_->session().request(*this, head, sink_);
  if (connection_ != nullptr) connection_->on_request();
}

// The head may be gone by the time SETTINGS have come.
void H2Stream::prepare_upgrade(const http::RequestHead& head) {
  upgrade_ = std::make_unique<Upgrade>(Upgrade{head, {}});
  if (const auto key = head.fields.find(key_name)) {
    upgrade_->accept = http::websocket_accept(*key);
  }
}

void H2Stream::on_settings() {
  if (!upgrade_ || id() != 0 || progress_ != Progress::waiting) return;
  const bool possible = connection_->may_open() && connection_->session().takes_upgrades();
  // Nothing has been asked, and the endpoint is well; another may take upgrades.
  if (!possible) return fail(Failure::stream_refused);
  send(upgrade_->head);
}

void H2Stream::on_response(http::ResponseHead& head) {
  if (head.informational()) {
    // `100 Continue` was ours to say and has been said. One is kept until it is read, the first;
    // but that the failover is spent is more than whatever the first says.
    const bool matters_more =
        progress_ == Progress::informed && resilience::failover_spent_below(head.fields);
    if (head.status <= 101 || (progress_ != Progress::waiting && !matters_more)) return;
    std::swap(response_, head);
    return advance(Progress::informed);
  }
  connection_->on_answer();
  if (progress_ == Progress::informed) {
    later_ = std::make_unique<http::ResponseHead>();
    std::swap(*later_, head);
    return;
  }
  std::swap(response_, head);
  translate_upgrade();
  advance(Progress::head);
}

void H2Stream::next_head() {
  if (progress_ != Progress::informed) return;
  progress_ = Progress::waiting;
  if (!later_) return;
  std::swap(response_, *later_);
  later_.reset();
  translate_upgrade();
  advance(Progress::head);
}

void H2Stream::translate_upgrade() {
  if (!upgrade_ || response_.status < 200 || response_.status > 299) return;
  response_.status = 101;
  response_.reason.clear();
  response_.body = http::BodyLength::none();
  response_.fields.add(http::Name::upgrade, upgrade_->head.upgrade);
  if (!upgrade_->accept.empty()) response_.fields.add(accept_name, upgrade_->accept);
}

void H2Stream::on_closed(codec::H2Error error) {
  const bool failed = !answered();
  if (failed) failure_ = failure_of(error);
  source_.fail();
  sink_.fail();
  if (refusal() != codec::H2Refusal::none) connection_->on_reset_sent();
  std::exchange(connection_, nullptr)->leave(*this);
  if (failed) advance(Progress::failed);
}

Failure H2Stream::failure_of(codec::H2Error error) const {
  switch (refusal()) {
    case codec::H2Refusal::malformed: return Failure::malformed_response;
    case codec::H2Refusal::head_too_large: return Failure::response_too_large;
    case codec::H2Refusal::none: break;
  }
  if (error == codec::H2Error::refused_stream || error == codec::H2Error::http_1_1_required) {
    return Failure::stream_refused;
  }
  if (connection_->turned_away()) return Failure::tls_alert;
  const bool race = connection_->lost() && proven_ && connection_->received() == received_before_;
  return race ? Failure::reset_reused_connection : Failure::reset_before_response;
}

void H2Stream::fail(Failure failure) {
  failure_ = failure;
  source_.fail();
  sink_.fail();
  if (connection_ != nullptr) std::exchange(connection_, nullptr)->leave(*this);
  advance(Progress::failed);
}

void H2Stream::advance(Progress progress) {
  progress_ = progress;
  if (watcher_ != nullptr) services_.scheduler.schedule(*watcher_);
}

void H2Stream::release() {
  watcher_ = nullptr;
  if (connection_ != nullptr) {
    if (open()) {
      if (head_sent()) connection_->on_reset_sent();
      connection_->session().reset(*this, codec::H2Error::cancel);
      connection_->session().forget(*this);
    }
    std::exchange(connection_, nullptr)->leave(*this);
  }
  delete this;
}

}  // namespace weir::upstream
