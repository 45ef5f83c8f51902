#include "weir/server/process.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "server/listeners.h"
#include "server/operators.h"
#include "server/secrets.h"
#include "weir/admin/pages.h"
#include "weir/base/log.h"
#include "weir/base/random.h"

namespace weir::server {
namespace {

// After the workers have ended, what the access log may still take to be written.
constexpr Duration log_limit = std::chrono::seconds{2};

Instant now() { return std::chrono::steady_clock::now(); }

StartError address_error(const net::ListenError& error) {
  const bool forbidden = error.error_number == EACCES || error.error_number == EPERM;
  return {.kind = forbidden ? StartError::Kind::permission : StartError::Kind::address,
          .text = error.text};
}

std::string formatted(const config::Problems& problems) {
  std::string text;
  for (const auto& problem : problems) text += config::format(problem);
  return text;
}

void log_problem(const config::Problem& problem) {
  const bool warning = problem.severity == config::Severity::warning;
  log::write(warning ? log::Level::warn : log::Level::error, problem.message,
             {{"file", problem.file},
              {"line", problem.line},
              {"column", problem.column},
              {"text", problem.offending},
              {"suggestion", problem.suggestion}});
}

StartError secrets_error(const net::TlsProblem& problem) {
  const bool named = problem.text.find(problem.file) != std::string::npos;
  return {.kind = StartError::Kind::secrets,
          .text = named ? problem.text : fmt::format("{}: {}", problem.file, problem.text)};
}

std::vector<telemetry::Sample> expiries(const Secrets& secrets) {
  std::vector<telemetry::Sample> samples;
  for (const auto& certificate : secrets.certificates()) {
    samples.push_back({telemetry::Family::tls_certificate_expiry,
                       {certificate.file, certificate.subject},
                       static_cast<double>(certificate.not_after)});
  }
  return samples;
}

}  // namespace

Process::Process(std::string config_path, Instant started)
    : config_path_(std::move(config_path)),
      started_(started),
      signals_(loop_, [this](Signal signal) { on_signal(signal); }),
      telemetry_(WEIR_VERSION),
      clusters_(entropy()),
      secrets_(std::make_unique<Secrets>()) {
  telemetry_.metrics().add_source([this] { return admin::samples(clusters_.status(now())); });
  telemetry_.metrics().add_source([this] { return expiries(*secrets_); });
}

Process::~Process() {
  for (auto& worker : workers_) worker->stop();
  telemetry_.stop(log_limit);
}

std::expected<void, StartError> Process::start() {
  auto loaded = config::load_file(config_path_);
  if (!loaded) {
    return std::unexpected(
        StartError{.kind = StartError::Kind::configuration, .text = formatted(loaded.error())});
  }
  for (const auto& warning : loaded->warnings) log_problem(warning);
  if (auto adopted = adopt(std::move(loaded->service)); !adopted) return adopted;
  watch_.emplace(loop_, std::vector{config_path_}, [this] { static_cast<void>(reload()); });
  state_ = State::serving;
  log::info("ready", {{"service", snapshot_->service.identity.name},
                      {"workers", workers_.size()},
                      {"generation", snapshot_->generation},
                      {"after_ms", whole_milliseconds(now() - started_)}});
  return {};
}

// Everything that can fail comes first.
std::expected<void, StartError> Process::adopt(policy::Service service) {
  auto secrets = Secrets::load(service, *secrets_);
  if (!secrets) {
    if (snapshot_) note_secrets(telemetry::ReloadResult::failure, "");
    return std::unexpected(secrets_error(secrets.error()));
  }
  auto resources = acquire(service);
  if (!resources) return std::unexpected(std::move(resources.error()));
  if (auto configured = telemetry_.configure(service.access_log); !configured) {
    return std::unexpected(
        StartError{.kind = StartError::Kind::permission, .text = configured.error()});
  }
  const bool renewed = *secrets != *secrets_;
  *secrets_ = std::move(*secrets);
  snapshot_ = clusters_.compile(std::move(service), now(), secrets_->contexts());
  if (workers_.empty()) start_workers(snapshot_->service.process);
  follow(std::move(*resources));
  remember(telemetry::ReloadResult::success, "");
  if (renewed && !secrets_->empty()) note_secrets(telemetry::ReloadResult::success, "");
  watch_secrets();
  return {};
}

// Certificate and key are two files, so they may not belong together for a moment: then everything
// stays as it is until the next change.
void Process::renew_secrets() {
  if (state_ != State::serving) return;
  auto secrets = Secrets::load(snapshot_->service, *secrets_);
  if (!secrets) {
    log::error("certificates refused, the last good ones stay",
               {{"file", secrets.error().file}, {"reason", secrets.error().text}});
    return note_secrets(telemetry::ReloadResult::failure, std::move(secrets.error().text));
  }
  if (*secrets == *secrets_) return;
  *secrets_ = std::move(*secrets);
  snapshot_ = clusters_.compile(snapshot_->service, now(), secrets_->contexts());
  Resources nothing;
  nothing.changes.resize(workers_.size());
  follow(std::move(nothing));
  note_secrets(telemetry::ReloadResult::success, "certificates renewed");
  log::info("certificates renewed", {{"generation", snapshot_->generation}});
}

void Process::watch_secrets() {
  auto files = secrets_->files();
  if (files == watched_secrets_) return;
  watched_secrets_ = std::move(files);
  secrets_watch_.reset();
  if (watched_secrets_.empty()) return;
  secrets_watch_.emplace(loop_, watched_secrets_, [this] { renew_secrets(); });
}

// In the history stands what was no part of a reload, which has an entry of its own.
void Process::note_secrets(telemetry::ReloadResult result, std::string note) {
  telemetry_.metrics().tls_reloaded(result, snapshot_->generation);
  if (!note.empty()) enter_history(result, std::move(note));
}

std::expected<Process::Resources, StartError> Process::acquire(
    const policy::Service& service) const {
  const policy::Service* before = snapshot_ ? &snapshot_->service : nullptr;
  const auto had = before == nullptr ? std::vector<ListenerNeed>{} : listener_needs(*before);
  const auto needs = listener_needs(service);
  Resources resources;
  resources.changes.resize(workers_.empty() ? service.process.workers : workers_.size());
  for (const ListenerNeed& need : missing_in(needs, had)) {
    auto opened = open_sockets(need, resources.changes.size());
    if (!opened) return std::unexpected(address_error(opened.error()));
    if (opened->empty()) continue;
    log::info("listening", {{"direction", name_of(need.doorway.direction)},
                            {"address", opened->front().address().text()}});
    for (std::size_t i = 0; i < resources.changes.size(); ++i) {
      resources.changes[i].push_back({need.doorway, need.address, std::move((*opened)[i])});
    }
  }
  for (const ListenerNeed& need : wider_in(needs, had)) {
    if (auto may = net::may_reach_any_address(need.address); !may) {
      return std::unexpected(address_error(may.error()));
    }
    for (auto& changes : resources.changes) {
      changes.push_back({need.doorway, need.address, ListenerChange::Widen{}});
    }
  }
  for (const ListenerNeed& need : missing_in(had, needs)) {
    for (auto& changes : resources.changes) {
      changes.push_back({need.doorway, need.address, ListenerChange::End{}});
    }
  }
  const auto& admin = service.admin.listen;
  if (admin && (before == nullptr || before->admin.listen != admin)) {
    auto opened = open_sockets({.doorway = {}, .address = *admin}, 1);
    if (!opened) return std::unexpected(address_error(opened.error()));
    log::info("listening", {{"direction", "admin"}, {"address", opened->front().address().text()}});
    resources.admin.emplace(std::move(opened->front()));
  }
  return resources;
}

void Process::start_workers(const policy::Process& policy) {
  for (std::uint32_t i = 0; i < policy.workers; ++i) {
    workers_.push_back(std::make_unique<WorkerThread>(telemetry_.add_worker(), counts_, entropy()));
    workers_.back()->start();
  }
  workers_.front()->check_health();  // what one worker learns of an endpoint, all of them follow
}

void Process::follow(Resources resources) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->apply(snapshot_, std::move(resources.changes[i]));
  }
  if (!snapshot_->service.admin.listen) admin_.reset();
  if (resources.admin) {
    admin_.reset();
    admin_.emplace(loop_, std::move(*resources.admin), operator_handler(admin_sources()));
  }
}

void Process::run() {
  loop_.run();
  for (auto& worker : workers_) worker->stop();
  log::info("stopped");
}

void Process::on_signal(Signal signal) {
  switch (signal) {
    case Signal::reload:
      reopen_logs();
      static_cast<void>(reload());  // it has logged what there is to say
      break;
    case Signal::reopen_logs: reopen_logs(); break;
    case Signal::drain:
      if (state_ == State::draining) {
        log::warn("stopping at once, on a second signal");
        loop_.stop();
      } else {
        drain();
      }
      break;
  }
}

std::expected<std::string, std::string> Process::reload() {
  if (state_ != State::serving) return std::unexpected("not while draining\n");
  auto loaded = config::load_file(config_path_);
  if (!loaded) {
    for (const auto& problem : loaded.error()) log_problem(problem);
    return refuse_reload(formatted(loaded.error()));
  }
  for (const auto& warning : loaded->warnings) log_problem(warning);
  const auto workers = loaded->service.process.workers;
  if (auto adopted = adopt(std::move(loaded->service)); !adopted) {
    log::error(adopted.error().text);
    return refuse_reload(std::move(adopted.error().text));
  }
  if (workers != workers_.size()) {
    log::warn("the number of workers changes only with a restart", {{"workers", workers_.size()}});
  }
  log::info("configuration reloaded",
            {{"file", config_path_}, {"generation", snapshot_->generation}});
  return fmt::format("generation {}\n", snapshot_->generation);
}

std::unexpected<std::string> Process::refuse_reload(std::string mistakes) {
  remember(telemetry::ReloadResult::failure, mistakes.substr(0, mistakes.find('\n')));
  log::error("configuration refused, the last good one stays",
             {{"file", config_path_}, {"generation", snapshot_->generation}});
  return std::unexpected(std::move(mistakes));
}

void Process::remember(telemetry::ReloadResult result, std::string note) {
  telemetry_.metrics().reloaded(result, snapshot_->generation);
  enter_history(result, std::move(note));
}

void Process::enter_history(telemetry::ReloadResult result, std::string note) {
  history_.push_front({.generation = snapshot_->generation,
                       .at = std::chrono::system_clock::now(),
                       .result = result,
                       .note = std::move(note)});
  if (history_.size() > most_history) history_.pop_back();
}

void Process::reopen_logs() {
  if (auto reopened = telemetry_.reopen_log(); !reopened) {
    log::error("cannot reopen the access log", {{"reason", reopened.error()}});
  }
}

void Process::drain() {
  state_ = State::draining;
  watch_.reset();
  secrets_watch_.reset();
  const Duration limit = snapshot_->service.process.drain;
  log::info("draining", {{"limit_ms", whole_milliseconds(limit)}});
  loop_.scheduler().arm_in(drain_limit_, limit);
  undrained_ = workers_.size();
  for (auto& worker : workers_) {
    worker->drain([this] {
      loop_.mailbox().post([this] {
        if (--undrained_ == 0) loop_.stop();
      });
    });
  }
}

void Process::wake() {
  log::warn("the drain took too long; what is left is cut off", {{"workers", undrained_}});
  loop_.stop();
}

}  // namespace weir::server
