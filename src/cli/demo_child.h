// A process of our own program, ended with us.
//
// It runs in a process group of its own, so that Ctrl-C in the terminal reaches only the demo, and
// the kernel kills it when the demo dies, however that happens (PR_SET_PDEATHSIG).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "weir/net/descriptor.h"

namespace weir::cli {

class Child {
 public:
  // What has become of it since it was last asked.
  enum class Change : std::uint8_t { none, stopped, continued, ended };

  // Starts this program with `arguments`. What it writes to the standard error is appended to
  // `log`. Call it from the thread that outlives the child. The error is a sentence for people.
  static std::expected<Child, std::string> start(const std::vector<std::string>& arguments,
                                                 const std::filesystem::path& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  // Kills it and waits for its end.
  ~Child();

  pid_t pid() const { return pid_; }
  bool running() const { return running_; }
  void send(int signal) const;
  // Writes to its standard input; what it does not take is dropped.
  void tell(std::string_view text) const;
  // Its standard output, non-blocking.
  int output() const { return output_.number(); }
  // Never waits. After `ended` the process is gone, and reason() tells how.
  Change poll();
  const std::string& reason() const { return reason_; }

 private:
  Child(pid_t pid, net::Descriptor input, net::Descriptor output);
  void end();

  pid_t pid_ = -1;
  bool running_ = false;
  net::Descriptor input_;
  net::Descriptor output_;
  std::string reason_;
};

}  // namespace weir::cli
