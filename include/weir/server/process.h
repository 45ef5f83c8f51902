// `weir run`: one process with a control loop on the main thread and the proxy's workers.
//
// The control loop hears signals, watches the configuration's file and answers operators. A reload
// is all or nothing: the file and the certificates that it names are read, its listeners and its
// log are opened before any worker hears of it; whatever fails leaves everything as it was.
// Certificates that change make a new generation of the same configuration. A drain lets readiness
// fail, then stops accepting, then waits for what is in flight, at most for the policy's
// `process.drain`.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/admin/server.h"
#include "weir/config/load.h"
#include "weir/net/http_server.h"
#include "weir/net/loop.h"
#include "weir/proxy/snapshot.h"
#include "weir/proxy/worker.h"
#include "weir/server/file_watch.h"
#include "weir/server/signals.h"
#include "weir/server/worker_thread.h"
#include "weir/telemetry/telemetry.h"

namespace weir::server {

class Secrets;

// Why a process could not begin.
struct StartError {
  enum class Kind : std::uint8_t { configuration, secrets, address, permission };
  Kind kind{};
  std::string text;  // for the standard error
};

class Process final : private Wakeable {
 public:
  // `started` is when the process began, for the log line `ready`.
  Process(std::string config_path, Instant started);
  ~Process() override;

  // Loads, listens, and starts the workers.
  std::expected<void, StartError> start();
  // Until it has drained, or a second signal ended it at once.
  void run();

 private:
  enum class State : std::uint8_t { starting, serving, draining };

  // What one configuration needs of the operating system.
  struct Resources {
    std::vector<std::vector<ListenerChange>> changes;  // by worker
    std::optional<net::ListeningSocket> admin;         // when it begins or moves
  };

  std::expected<void, StartError> adopt(policy::Service service);
  std::expected<Resources, StartError> acquire(const policy::Service& service) const;
  // The certificates of the configuration in force have changed.
  void renew_secrets();
  void watch_secrets();
  void start_workers(const policy::Process& policy);
  void follow(Resources resources);
  void on_signal(Signal signal);
  // What changed, or the mistakes, for people.
  std::expected<std::string, std::string> reload();
  std::unexpected<std::string> refuse_reload(std::string mistakes);
  void remember(telemetry::ReloadResult result, std::string note);
  void enter_history(telemetry::ReloadResult result, std::string note);
  void note_secrets(telemetry::ReloadResult result, std::string note);
  void reopen_logs();
  void drain();
  void wake() override;  // the drain's time is up
  admin::Sources admin_sources();
  admin::Phase phase() const;
  admin::View view();
  std::vector<admin::InFlight> in_flight();

  const std::string config_path_;
  const Instant started_;
  net::Loop loop_;
  Signals signals_;
  Timer drain_limit_{*this};
  telemetry::Telemetry telemetry_;
  proxy::Clusters clusters_;
  proxy::ProcessCounts counts_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::unique_ptr<Secrets> secrets_;
  std::optional<FileWatch> watch_;
  std::optional<FileWatch> secrets_watch_;
  std::vector<std::string> watched_secrets_;
  std::optional<net::HttpServer> admin_;
  State state_ = State::starting;
  std::size_t undrained_ = 0;                   // workers
  std::deque<admin::GenerationEntry> history_;  // the newest first, at most most_history

  static constexpr std::size_t most_history = 50;
};

}  // namespace weir::server
