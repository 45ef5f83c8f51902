#include "cli/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace weir::cli {
namespace {

// A file in memory: whatever is written into it, nobody waits for anybody.
class Memory {
 public:
  explicit Memory(const char* name) : file_(::memfd_create(name, MFD_CLOEXEC)) {}
  ~Memory() {
    if (file_ >= 0) ::close(file_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  int number() const { return file_; }

  bool fill(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(file_, text.data(), text.size());
      if (count < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return ::lseek(file_, 0, SEEK_SET) == 0;
  }

  std::string text() const {
    std::string text;
    std::array<char, 4096> part{};
    ::lseek(file_, 0, SEEK_SET);
    for (ssize_t count = 0; (count = ::read(file_, part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int file_;
};

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string find_program(std::string_view name) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody writes it
  const std::string all = fmt::format("{}:/usr/sbin:/usr/bin:/sbin:/bin", path ? path : "");
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(folder.size() + 1, rest.size()));
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::expected<Ended, std::string> run_program(const std::vector<std::string>& arguments,
                                              std::string_view input) {
  const Memory in{"input"};
  const Memory out{"output"};
  const Memory errors{"errors"};
  if (in.number() < 0 || out.number() < 0 || errors.number() < 0 || !in.fill(input)) {
    return std::unexpected(fmt::format("no file in memory: {}", std::strerror(errno)));
  }
  std::vector<char*> argv;
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.number(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.number(), STDERR_FILENO);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, argv.front(), &actions, nullptr, argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return std::unexpected(
        fmt::format("{} cannot be started: {}", arguments.front(), std::strerror(failed)));
  }
  const int status = wait_for(child);
  return Ended{status, out.text(), errors.text()};
}

}  // namespace weir::cli
