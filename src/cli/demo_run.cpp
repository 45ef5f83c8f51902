#include "cli/demo_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "weir/cli/commands.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr Duration tick_interval = milliseconds{100};
constexpr Duration frame_interval = milliseconds{250};
constexpr Duration line_interval = std::chrono::seconds{1};
constexpr int most_bases = 20;

// The first block of ports, at or above `base`, that nobody listens on.
std::expected<MeshPlan, std::string> find_ports(std::uint16_t base) {
  std::string last;
  for (int i = 0; i < most_bases && base + (i + 1) * ports_of_mesh <= 65535; ++i) {
    auto plan = plan_mesh(static_cast<std::uint16_t>(base + i * ports_of_mesh));
    const auto addresses = plan.addresses();
    const auto taken = std::ranges::find_if(addresses, [&](const Address& address) {
      const auto free = net::address_is_free(address);
      if (!free) last = free.error().text;
      return !free.has_value();
    });
    if (taken == addresses.end()) return plan;
  }
  return std::unexpected(fmt::format("no ports are free at {} and above: {}", base, last));
}

std::expected<std::filesystem::path, std::string> make_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "weir-demo-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return std::unexpected(fmt::format("cannot make {}: {}", name, std::strerror(errno)));
  }
  return name;
}

}  // namespace

Demo::Demo(DemoOptions options)
    : options_(std::move(options)),
      signals_(loop_, [this](server::Signal) { loop_.stop(); }),
      ticking_(loop_) {}

// The mesh turns the loop once more until it has ended; nothing else may happen on it then.
Demo::~Demo() {
  ticking_.cancel();
  control_.reset();
  terminal_.reset();
  traffic_.reset();
  mesh_.reset();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::expected<void, std::string> Demo::prepare() {
  auto plan = find_ports(options_.base_port);
  if (!plan) return std::unexpected(std::move(plan.error()));
  auto directory = make_directory();
  if (!directory) return std::unexpected(std::move(directory.error()));
  directory_ = std::move(*directory);
  auto socket = net::ListeningSocket::open(plan->control);
  if (!socket) return std::unexpected(std::move(socket.error().text));
  mesh_ = std::make_unique<Mesh>(loop_, std::move(*plan), directory_);
  if (auto started = mesh_->start(); !started) return started;
  control_ = std::make_unique<net::HttpServer>(
      loop_, std::move(*socket),
      [this](const net::HttpRequest& request) { return control(request); });
  const auto& edge = mesh_->plan().sidecars.front();
  traffic_ = std::make_unique<Traffic>(loop_, edge.outbound, edge.upstream, options_.rate);
  return {};
}

int Demo::run() {
  if (auto prepared = prepare(); !prepared) {
    fmt::print(stderr, "weir demo: {}\n", prepared.error());
    return exit_code::unavailable;
  }
  started_ = std::chrono::steady_clock::now();
  traffic_->start();
  if (options_.output == DemoOptions::Output::automatic && Terminal::available()) {
    terminal_ = std::make_unique<Terminal>(loop_, [this](const std::string& key) { on_key(key); });
  } else {
    next_drawing_ = started_ + line_interval;
    fmt::print("{}", banner(picture()));
  }
  tick();
  loop_.run();
  terminal_.reset();
  const auto last = picture();
  fmt::print("weir demo: {}", summary(last));
  std::fflush(stdout);
  return exit_code::ok;
}

Duration Demo::elapsed() const { return std::chrono::steady_clock::now() - started_; }

void Demo::tick() {
  mesh_->look();
  follow_script(elapsed());
  draw();
  if (options_.duration && elapsed() >= *options_.duration) loop_.stop();
  ticking_.set(tick_interval, [this] { tick(); });
}

void Demo::follow_script(Duration elapsed) {
  const auto& script = options_.script;
  while (steps_done_ < script.size() && script[steps_done_].at <= elapsed) {
    const auto& step = script[steps_done_++];
    static_cast<void>(mesh_->apply(step.instance, step.verb));
  }
}

void Demo::draw() {
  if (!terminal_) print_events();
  const Instant now = std::chrono::steady_clock::now();
  if (now < next_drawing_) return;
  next_drawing_ = now + (terminal_ ? frame_interval : line_interval);
  if (terminal_) {
    terminal_->show(screen(picture(), terminal_->look()));
  } else {
    fmt::print("{}", status_line(picture()));
    std::fflush(stdout);
  }
}

void Demo::print_events() {
  const auto& journal = mesh_->journal();
  const auto fresh = std::min(journal.count() - events_printed_, journal.events().size());
  for (auto i = journal.events().size() - fresh; i < journal.events().size(); ++i) {
    fmt::print("{}\n", event_line(journal.events()[i]));
  }
  if (fresh > 0) std::fflush(stdout);
  events_printed_ = journal.count();
}

void Demo::on_key(const std::string& key) {
  const auto& instances = mesh_->plan().instances;
  const char letter = key.empty() ? 'q' : key.front();
  std::optional<Verb> verb;
  if (letter == 'k') verb = Verb::kill;
  if (letter == 'h') verb = Verb::hang;
  if (letter == 's') verb = Verb::slow;
  if (letter == 'b') verb = Verb::break_;
  if (letter == 'r') verb = Verb::restore;
  if (verb) static_cast<void>(mesh_->apply(instances[selected_].name, *verb));
  if (letter >= '1' && letter < '1' + static_cast<int>(instances.size())) {
    selected_ = static_cast<std::size_t>(letter - '1');
  }
  if (key == "\x1b[A") selected_ = (selected_ + instances.size() - 1) % instances.size();
  if (key == "\x1b[B" || key == "\t") selected_ = (selected_ + 1) % instances.size();
  if (letter == 'q') return loop_.stop();
  next_drawing_ = {};
  draw();
}

std::string Demo::help() const {
  std::string text = "weir demo: POST /INSTANCE/VERB makes an instance fail, or whole again.\n\n";
  for (const auto& instance : mesh_->plan().instances) {
    text += fmt::format("  curl -X POST http://{}/{}/kill\n", mesh_->plan().control.text(),
                        instance.name);
  }
  text += "\nVerbs:";
  for (const Verb verb : all_verbs) text += fmt::format(" {}", name_of(verb));
  return text + "\nGET /status.json tells what the terminal shows.\n";
}

// Only who sits at this machine may break things: a browser tells in Origin that a page asks.
net::HttpResponse Demo::control(const net::HttpRequest& request) {
  const auto reply = [](int status, std::string body) {
    return net::HttpResponse{.status = status, .body = std::move(body), .fields = {}};
  };
  if (!request.field("origin").empty()) return reply(403, "not from a web page\n");
  if (request.path == "/status.json" && request.method == "GET") {
    return {.status = 200,
            .content_type = "application/json",
            .body = picture_json(picture()),
            .fields = {}};
  }
  if (request.method == "GET" && request.path == "/") return reply(200, help());
  const auto slash = request.path.rfind('/');
  const auto verb = parse_verb(std::string_view{request.path}.substr(slash + 1));
  if (!verb || slash == 0) return reply(404, help());
  if (request.method != "POST") return reply(405, "use POST\n");
  const auto applied = mesh_->apply(std::string_view{request.path}.substr(1, slash - 1), *verb);
  if (!applied) return reply(409, applied.error() + "\n");
  return reply(200, mesh_->journal().events().back().text + "\n");
}

Picture Demo::picture() {
  Picture picture;
  picture.elapsed = elapsed();
  picture.traffic = traffic_->view();
  mesh_->describe(picture);
  picture.selected = selected_;
  picture.control_url = fmt::format("http://{}/", mesh_->plan().control.text());
  return picture;
}

}  // namespace weir::cli
