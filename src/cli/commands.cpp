#include "weir/cli/commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "cli/iptables.h"
#include "cli/options.h"
#include "weir/cli/demo.h"
#include "weir/config/schema.h"

namespace weir::cli {
namespace {

// The parser's own commands, filled in by parse().
struct CommandLine {
  CLI::App app{"weir: a sidecar proxy that keeps the time its callers still have", "weir"};
  RunOptions run_options;
  std::vector<std::string> files;
  CheckOutput output = CheckOutput::verdicts;
  ProbeOptions probe_options;
  CLI::App* run = nullptr;
  CLI::App* check = nullptr;
  CLI::App* probe = nullptr;
  CLI::App* schema = nullptr;
  CLI::App* demo = nullptr;
  CLI::App* iptables = nullptr;
};

void describe_probe(CommandLine& line) {
  auto& options = line.probe_options;
  line.probe = line.app.add_subcommand(
      "probe", "Ask a running sidecar how it is: exit code 0 for yes, 1 for no, and a line of why");
  auto* ready = line.probe->add_flag_callback(
      "--ready", [&options] { options.question = ProbeQuestion::ready; },
      "Is it ready for traffic? (what is asked by default)");
  line.probe
      ->add_flag_callback(
          "--live", [&options] { options.question = ProbeQuestion::live; },
          "Does it answer at all?")
      ->excludes(ready);
  auto* admin = line.probe->add_option("--admin", options.admin, "Its admin listener")
                    ->type_name("ADDRESS")
                    ->option_text("ADDRESS [$WEIR_ADMIN, else 127.0.0.1:9901]");
  line.probe
      ->add_option_function<std::uint32_t>(
          "--within",
          [&options](std::uint32_t value) { options.patience = std::chrono::seconds{value}; },
          "Ask again until it says yes, at most so long")
      ->check(CLI::Range(0, 3600))
      ->option_text("SECONDS [0]");
  line.probe->add_option("-c,--config", options.config, "The file that says where that is")
      ->type_name("FILE")
      ->excludes(admin);
}

void describe(CommandLine& line) {
  line.app.set_version_flag("--version", "weir " WEIR_VERSION, "Print the version and exit");
  line.app.require_subcommand(1);

  line.run = line.app.add_subcommand("run", "Run the sidecar");
  line.run->add_option("-c,--config", line.run_options.config, "The service's YAML file")
      ->required()
      ->type_name("FILE");
  const std::map<std::string, log::Level> levels{{"debug", log::Level::debug},
                                                 {"info", log::Level::info},
                                                 {"warn", log::Level::warn},
                                                 {"error", log::Level::error}};
  line.run->add_option("--log-level", line.run_options.log_level, "What the process itself logs")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case))
      ->option_text("debug|info|warn|error [info]");

  line.check = line.app.add_subcommand("check", "Validate the files of services");
  line.check->add_option("files", line.files, "YAML files")->required()->type_name("FILE");
  line.check->add_flag_callback(
      "--effective", [&line] { line.output = CheckOutput::effective; },
      "Print the policy with every default filled in");

  describe_probe(line);

  line.schema = line.app.add_subcommand("schema", "Print the JSON Schema of the YAML file");

  // These read their own arguments, --help included.
  line.demo = line.app.add_subcommand("demo", "A small mesh on loopback, and instances to kill");
  line.demo->prefix_command()->set_help_flag();
  line.iptables = line.app.add_subcommand(
      "iptables", "Print, apply or remove the kernel's rules that bring connections here");
  line.iptables->prefix_command()->set_help_flag();
}

int carry_out(const CommandLine& line, Instant started) {
  if (line.run->parsed()) return run(line.run_options, started);
  if (line.check->parsed()) return check(line.files, line.output);
  if (line.probe->parsed()) return probe(line.probe_options);
  if (line.iptables->parsed()) return iptables(line.iptables->remaining());
  if (line.demo->parsed()) return demo(line.demo->remaining());
  fmt::print("{}", config::json_schema());
  return exit_code::ok;
}

}  // namespace

int dispatch(int argc, const char* const* argv, Instant started) {
  CommandLine line;
  try {
    describe(line);
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? exit_code::ok : exit_code::usage;
  }
  try {
    return carry_out(line, started);
  } catch (const std::exception& error) {
    fmt::print(stderr, "weir: {}\n", error.what());
    return exit_code::software;
  }
}

}  // namespace weir::cli
