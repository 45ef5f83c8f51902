// `weir demo` itself: the mesh, its users, the terminal and the control port, joined.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/demo_mesh.h"
#include "cli/demo_terminal.h"
#include "cli/demo_traffic.h"
#include "weir/net/http_server.h"
#include "weir/server/signals.h"

namespace weir::cli {

struct DemoOptions {
  std::uint16_t base_port = 7700;
  double rate = 80;                  // requests per second
  std::optional<Duration> duration;  // until it is told to end, when left out
  std::vector<Step> script;
  enum class Output : std::uint8_t { automatic, lines } output = Output::automatic;
};

class Demo {
 public:
  explicit Demo(DemoOptions options);
  ~Demo();
  Demo(const Demo&) = delete;
  Demo& operator=(const Demo&) = delete;

  // Until its time is over or it is told to end; gives the exit code.
  int run();

 private:
  std::expected<void, std::string> prepare();
  void tick();
  void follow_script(Duration elapsed);
  void draw();
  void on_key(const std::string& key);
  void print_events();
  net::HttpResponse control(const net::HttpRequest& request);
  std::string help() const;
  Picture picture();
  Duration elapsed() const;

  DemoOptions options_;
  net::Loop loop_;
  server::Signals signals_;
  std::filesystem::path directory_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<net::HttpServer> control_;
  std::unique_ptr<Terminal> terminal_;
  Alarm ticking_;
  Instant started_{};
  Instant next_drawing_{};
  std::size_t selected_ = 3;  // catalog-1: the one whose death travels furthest
  std::size_t steps_done_ = 0;
  std::size_t events_printed_ = 0;
};

}  // namespace weir::cli
