#include "cli/demo_mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <utility>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr Duration question_interval = milliseconds{250};
constexpr Duration question_limit = milliseconds{500};
constexpr Duration start_limit = std::chrono::seconds{10};
constexpr Duration stop_limit = std::chrono::seconds{2};
constexpr Duration start_turn = milliseconds{5};

Instant now() { return std::chrono::steady_clock::now(); }

std::string done(std::string_view instance, Verb verb, int pid) {
  switch (verb) {
    case Verb::kill: return fmt::format("{} killed (process {})", instance, pid);
    case Verb::hang: return fmt::format("{} hangs: accepts, never answers", instance);
    case Verb::slow: return fmt::format("{} is slow: 300 ms more", instance);
    case Verb::break_: return fmt::format("{} is broken: 503 in a millisecond", instance);
    case Verb::restore: return fmt::format("{} restored", instance);
  }
  return {};
}

// What there is to say of a change of health; empty for what needs no words.
std::string news(std::string_view instance, std::string_view beside, std::string_view health) {
  if (health == "ejected") return fmt::format("{} ejected by the weir of {}", instance, beside);
  if (health == "probing") return fmt::format("{} is probed by the weir of {}", instance, beside);
  if (health == "ramping") return fmt::format("{} is back by probe, on a ramp", instance);
  return fmt::format("{} has its full share again", instance);
}

// What a process has written since it was last asked; bounded by what a pipe holds.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t count = 1; count > 0;) {
    count = ::read(descriptor, bytes.data(), bytes.size());
    if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
  }
  return text;
}

std::string last_line_of(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::string last;
  for (std::string line; std::getline(in, line);) last = line;
  return last;
}

}  // namespace

void Rate::record(Instant at, std::uint64_t total) {
  constexpr Duration length = std::chrono::seconds{2};
  samples_.push_back({at, total});
  while (samples_.size() > 2 && samples_[1].at <= at - length) samples_.pop_front();
}

double Rate::per_second() const {
  if (samples_.size() < 2) return 0;
  const auto& [first, before] = samples_.front();
  const auto& [last, after] = samples_.back();
  return last == first ? 0 : static_cast<double>(after - before) / seconds(last - first);
}

void Journal::add(std::string text) {
  events_.push_back({.at = std::chrono::system_clock::now(), .text = std::move(text)});
  ++count_;
  if (events_.size() > most_events) events_.pop_front();
}

Mesh::Mesh(net::Loop& loop, MeshPlan plan, std::filesystem::path directory)
    : loop_(loop), plan_(std::move(plan)), directory_(std::move(directory)) {
  for (const auto& one : plan_.instances) instances_.push_back({.plan = one});
  for (const auto& one : plan_.sidecars) {
    sidecars_.push_back({.plan = one,
                         .file = directory_ / (one.beside + ".yaml"),
                         .admin = std::make_unique<HttpCaller>(loop, one.admin)});
  }
}

Mesh::~Mesh() { stop(); }

std::filesystem::path Mesh::log_of(std::string_view name) const {
  return directory_ / fmt::format("{}.log", name);
}

std::expected<void, std::string> Mesh::launch(Instance& instance) {
  std::vector<std::string> arguments{
      "demo", "instance", "--name", instance.plan.name, "--listen", instance.plan.address.text()};
  if (instance.plan.through) {
    arguments.insert(arguments.end(),
                     {"--through", instance.plan.through->text(), "--calls", instance.plan.calls});
  }
  auto child = Child::start(arguments, log_of(instance.plan.name));
  if (!child) return std::unexpected(std::move(child.error()));
  instance.child.emplace(std::move(*child));
  instance.calls_before = instance.calls;
  instance.condition = Condition::ok;
  instance.restoring = true;
  instance.heard.clear();
  return {};
}

std::expected<void, std::string> Mesh::launch(Sidecar& sidecar) {
  std::ofstream{sidecar.file} << sidecar_yaml(plan_, sidecar.plan, directory_);
  auto child = Child::start({"run", "-c", sidecar.file.string()}, log_of(sidecar.plan.beside));
  if (!child) return std::unexpected(std::move(child.error()));
  sidecar.child.emplace(std::move(*child));
  return {};
}

std::expected<void, std::string> Mesh::start() {
  const Instant began = now();
  for (auto& sidecar : sidecars_) {
    if (auto launched = launch(sidecar); !launched) return launched;
  }
  for (auto& instance : instances_) {
    if (auto launched = launch(instance); !launched) return launched;
  }
  while (!ready()) {
    if (now() > began + start_limit)
      return std::unexpected("the mesh did not become ready in time");
    loop_.turn(start_turn);
    next_question_ = {};
    look();
    if (auto alive = nobody_died(); !alive) return alive;
  }
  journal_.add(fmt::format("{} processes are ready after {} ms",
                           instances_.size() + sidecars_.size(),
                           whole_milliseconds(now() - began)));
  return {};
}

bool Mesh::ready() const {
  return std::ranges::none_of(instances_, &Instance::restoring) &&
         std::ranges::all_of(sidecars_, [](const auto& one) { return one.report.ready; });
}

std::expected<void, std::string> Mesh::nobody_died() const {
  const auto died = [&](std::string_view name, const Child& child) {
    return std::unexpected(
        fmt::format("{} ended with {}: {}", name, child.reason(), last_line_of(log_of(name))));
  };
  for (const auto& one : instances_) {
    if (!one.child->running()) return died(one.plan.name, *one.child);
  }
  for (const auto& one : sidecars_) {
    if (!one.child->running()) return died(one.plan.beside, *one.child);
  }
  return {};
}

void Mesh::look() {
  for (auto& instance : instances_) watch(instance);
  for (auto& sidecar : sidecars_) watch(sidecar);
  if (now() < next_question_) return;
  next_question_ = now() + question_interval;
  for (auto& sidecar : sidecars_) {
    if (sidecar.child->running()) ask(sidecar);
  }
}

void Mesh::watch(Instance& instance) {
  const auto& name = instance.plan.name;
  switch (instance.child->poll()) {
    case Child::Change::ended:
      if (instance.condition != Condition::dead) {
        journal_.add(fmt::format("{} ended with {}", name, instance.child->reason()));
      }
      instance.condition = Condition::dead;
      instance.restoring = false;
      break;
    case Child::Change::stopped:
      if (instance.condition != Condition::hung) journal_.add(name + " was stopped");
      instance.condition = Condition::hung;
      break;
    case Child::Change::continued:
      if (instance.condition == Condition::hung) instance.condition = Condition::ok;
      break;
    case Child::Change::none: break;
  }
  listen_to(instance);
}

void Mesh::listen_to(Instance& instance) {
  constexpr std::string_view word = "calls ";
  instance.heard += read_all(instance.child->output());
  auto& heard = instance.heard;
  for (auto end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
    std::uint64_t count = 0;
    if (heard.starts_with(word)) std::from_chars(heard.data() + word.size(), &heard[end], count);
    instance.calls = instance.calls_before + count;
    instance.restoring = false;
    heard.erase(0, end + 1);
  }
  instance.rate.record(now(), instance.calls);
}

void Mesh::watch(Sidecar& sidecar) {
  // It writes nothing there unless its file was changed to say so; then the pipe must not fill.
  static_cast<void>(read_all(sidecar.child->output()));
  if (sidecar.child->poll() == Child::Change::ended) {
    journal_.add(
        fmt::format("the weir of {} ended with {}", sidecar.plan.beside, sidecar.child->reason()));
  }
}

void Mesh::ask(Sidecar& sidecar) {
  const auto host = sidecar.plan.admin.text();
  sidecar.admin->get(get_request(host, "/status.json"), question_limit,
                     [this, &sidecar](const CallResult& result) {
                       auto report = read_status(result.body);
                       if (result.status != 200 || !report) return;
                       compare(sidecar, *report);
                       sidecar.report = std::move(*report);
                       sidecar.failovers.record(now(), sidecar.report.failovers);
                     });
  sidecar.admin->get(get_request(host, "/metrics"), question_limit,
                     [&sidecar](const CallResult& result) {
                       if (result.status == 200) sidecar.refusals = read_refusals(result.body);
                     });
}

void Mesh::compare(const Sidecar& sidecar, const SidecarReport& after) {
  const auto& before = sidecar.report;
  if (before.generation != 0 && before.generation != after.generation) {
    journal_.add(fmt::format("the weir of {} reloaded its file", sidecar.plan.beside));
  }
  for (const auto& endpoint : after.endpoints) {
    const auto old =
        std::ranges::find(before.endpoints, endpoint.address, &EndpointReport::address);
    if (old == before.endpoints.end() || old->health == endpoint.health) continue;
    const auto instance = std::ranges::find_if(instances_, [&](const Instance& one) {
      return one.plan.address.text() == endpoint.address;
    });
    if (instance == instances_.end()) continue;
    journal_.add(news(instance->plan.name, sidecar.plan.beside, endpoint.health));
  }
}

std::expected<void, std::string> Mesh::apply(std::string_view name, Verb verb) {
  const auto found =
      std::ranges::find_if(instances_, [&](const Instance& one) { return one.plan.name == name; });
  if (found == instances_.end()) {
    return std::unexpected(fmt::format("there is no instance {}", name));
  }
  Instance& instance = *found;
  if (instance.condition == Condition::dead) {  // or about to be: launching waits for its end
    if (verb != Verb::restore) {
      return std::unexpected(fmt::format("{} is dead; restore it first", name));
    }
    if (auto launched = launch(instance); !launched) return launched;
    journal_.add(fmt::format("{} started again (process {})", name, instance.child->pid()));
    return {};
  }
  const Child& child = *instance.child;
  // Whoever is stopped hears the next order when it goes on; a kill needs no hearing.
  if (verb != Verb::kill && verb != Verb::hang) child.send(SIGCONT);
  switch (verb) {
    case Verb::kill:
      child.send(SIGKILL);
      instance.condition = Condition::dead;
      break;
    case Verb::hang:
      child.send(SIGSTOP);
      instance.condition = Condition::hung;
      break;
    case Verb::slow:
      child.tell("slow\n");
      instance.condition = Condition::slow;
      break;
    case Verb::break_:
      child.tell("broken\n");
      instance.condition = Condition::broken;
      break;
    case Verb::restore:
      child.tell("ok\n");
      instance.condition = Condition::ok;
      break;
  }
  journal_.add(done(name, verb, child.pid()));
  return {};
}

void Mesh::stop() {
  instances_.clear();  // kills what still runs
  for (auto& sidecar : sidecars_) {
    sidecar.admin.reset();
    if (sidecar.child) sidecar.child->send(SIGTERM);
  }
  const auto runs = [](const Sidecar& one) { return one.child && one.child->running(); };
  for (const Instant end = now() + stop_limit; std::ranges::any_of(sidecars_, runs);) {
    if (now() > end) break;
    loop_.turn(start_turn);
    for (auto& sidecar : sidecars_) {
      if (sidecar.child) sidecar.child->poll();
    }
  }
  sidecars_.clear();  // kills what has not ended
}

void Mesh::describe(Picture& picture) const {
  picture.directory = directory_.string();
  picture.events.assign(journal_.events().begin(), journal_.events().end());
  for (const auto& sidecar : sidecars_) {
    SidecarView view{.beside = sidecar.plan.beside,
                     .upstream = sidecar.plan.upstream,
                     .admin_url = fmt::format("http://{}/", sidecar.plan.admin.text()),
                     .file = sidecar.file.string(),
                     .alive = sidecar.child && sidecar.child->running(),
                     .report = sidecar.report,
                     .instances = {}};
    picture.failovers_per_second += sidecar.failovers.per_second();
    for (const auto& [reason, count] : sidecar.refusals) picture.refusals[reason] += count;
    double all = 0;
    for (const auto& instance : instances_) {
      if (instance.plan.service != view.upstream) continue;
      InstanceView one{.name = instance.plan.name,
                       .port = instance.plan.address.port(),
                       .pid = instance.child ? instance.child->pid() : 0,
                       .condition = instance.condition,
                       .health = {},
                       .calls_per_second = instance.rate.per_second()};
      all += one.calls_per_second;
      for (const auto& endpoint : sidecar.report.endpoints) {
        if (endpoint.address != instance.plan.address.text()) continue;
        one.health = endpoint.health;
        one.ejected_for = endpoint.ejected_for;
        one.latency = endpoint.latency;
      }
      view.instances.push_back(std::move(one));
    }
    for (auto& one : view.instances) one.share = all > 0 ? one.calls_per_second / all : 0;
    picture.sidecars.push_back(std::move(view));
  }
}

}  // namespace weir::cli
