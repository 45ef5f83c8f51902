#include "weir/cli/demo.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "cli/demo_instance.h"
#include "cli/demo_run.h"
#include "weir/base/log.h"
#include "weir/cli/commands.h"

namespace weir::cli {
namespace {

constexpr double fastest = 500;  // requests per second; more would measure the demo, not the mesh

struct CommandLine {
  CLI::App app{"A small mesh on loopback with real sidecars, and instances that you can kill",
               "weir demo"};
  DemoOptions options;
  std::string duration;
  std::string script;
  CLI::App* instance = nullptr;
  InstanceOptions instance_options;
  std::string listen;
  std::string through;
};

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "\"" + text + "\" is not a duration such as 500ms, 8s or 2m";
}

std::string check_script(const std::string& text) {
  const auto script = parse_script(text);
  return script ? "" : script.error();
}

std::string check_address(const std::string& text) {
  return Address::parse(text) ? "" : "\"" + text + "\" is not an address";
}

void describe(CommandLine& line) {
  line.app
      .add_option("--port", line.options.base_port,
                  "First port of the mesh; the next free block when some are taken")
      ->check(CLI::Range(1024, 65000))
      ->option_text("PORT [7700]");
  line.app.add_option("--rate", line.options.rate, "Requests per second of its users")
      ->check(CLI::Range(1.0, fastest))
      ->option_text("N [80]");
  line.app.add_option("--duration", line.duration, "End after this time")
      ->check(CLI::Validator{check_duration, ""})
      ->option_text("TIME");
  line.app
      .add_option("--script", line.script,
                  "What to do when: 'at 2s kill catalog-1; at 6s restore catalog-1'")
      ->check(CLI::Validator{check_script, ""})
      ->option_text("STEPS");
  line.app.add_flag_callback(
      "--plain", [&line] { line.options.output = DemoOptions::Output::lines; },
      "A line each second, also on a terminal");

  line.instance = line.app.add_subcommand("instance", "One instance of the mesh")->group("");
  line.instance->add_option("--name", line.instance_options.name)->required();
  const CLI::Validator address{check_address, ""};
  line.instance->add_option("--listen", line.listen)->required()->check(address);
  line.instance->add_option("--through", line.through)->check(address);
  line.instance->add_option("--calls", line.instance_options.calls);
}

}  // namespace

int demo(const std::vector<std::string>& arguments) {
  CommandLine line;
  try {
    describe(line);
    line.app.parse(std::vector<std::string>{arguments.rbegin(), arguments.rend()});
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? exit_code::ok : exit_code::usage;
  }
  if (line.instance->parsed()) {
    line.instance_options.listen = *Address::parse(line.listen);
    line.instance_options.through = Address::parse(line.through);
    return demo_instance(line.instance_options);
  }
  line.options.duration = parse_duration(line.duration);
  line.options.script = parse_script(line.script).value_or(std::vector<Step>{});
  log::set_level(log::Level::warn);
  return Demo{std::move(line.options)}.run();
}

}  // namespace weir::cli
