#include "cli/demo_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace weir::cli {
namespace {

constexpr const char* this_program = "/proc/self/exe";
constexpr int not_executed = 127;

struct Pipe {
  net::Descriptor read;
  net::Descriptor write;
};

std::expected<Pipe, std::string> open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return std::unexpected(fmt::format("cannot open a pipe: {}", std::strerror(errno)));
  }
  return Pipe{.read = net::Descriptor{ends[0]}, .write = net::Descriptor{ends[1]}};
}

struct Streams {
  int input;
  int output;
  int error;
};

// The child's side of fork(): only what is safe between it and exec.
[[noreturn]] void become(char* const* arguments, const Streams& streams, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(not_executed);  // it died before we could ask
  ::setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::dup2(streams.input, STDIN_FILENO);
  ::dup2(streams.output, STDOUT_FILENO);
  ::dup2(streams.error, STDERR_FILENO);
  ::execv(this_program, arguments);
  ::_exit(not_executed);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::expected<Child, std::string> Child::start(const std::vector<std::string>& arguments,
                                               const std::filesystem::path& log) {
  auto input = open_pipe();
  if (!input) return std::unexpected(std::move(input.error()));
  auto output = open_pipe();
  if (!output) return std::unexpected(std::move(output.error()));
  const net::Descriptor error{::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
  if (!error.open()) {
    return std::unexpected(fmt::format("cannot write {}: {}", log.string(), std::strerror(errno)));
  }
  std::string program = "weir";
  std::vector<std::string> words = arguments;
  std::vector<char*> pointers{program.data()};
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(
        pointers.data(),
        {.input = input->read.number(), .output = output->write.number(), .error = error.number()},
        parent);
  }
  if (pid < 0) {
    return std::unexpected(fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
  ::fcntl(input->write.number(), F_SETFL, O_NONBLOCK);
  ::fcntl(output->read.number(), F_SETFL, O_NONBLOCK);
  return Child{pid, std::move(input->write), std::move(output->read)};
}

Child::Child(pid_t pid, net::Descriptor input, net::Descriptor output)
    : pid_(pid), running_(true), input_(std::move(input)), output_(std::move(output)) {}

Child::Child(Child&& other) noexcept
    : pid_(other.pid_),
      running_(std::exchange(other.running_, false)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      reason_(std::move(other.reason_)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = other.pid_;
    running_ = std::exchange(other.running_, false);
    input_ = std::move(other.input_);
    output_ = std::move(other.output_);
    reason_ = std::move(other.reason_);
  }
  return *this;
}

Child::~Child() { end(); }

void Child::end() {
  if (!running_) return;
  send(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  running_ = false;
}

void Child::send(int signal) const {
  if (running_) ::kill(pid_, signal);
}

void Child::tell(std::string_view text) const {
  [[maybe_unused]] const auto written = ::write(input_.number(), text.data(), text.size());
}

Child::Change Child::poll() {
  if (!running_) return Change::none;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG | WUNTRACED | WCONTINUED) != pid_) return Change::none;
  if (WIFSTOPPED(status)) return Change::stopped;
  if (WIFCONTINUED(status)) return Change::continued;
  running_ = false;
  reason_ = describe(status);
  return Change::ended;
}

}  // namespace weir::cli
