#include "weir/net/kernel_pipe.h"

#include <fcntl.h>

#include <array>
#include <utility>

namespace weir::net {

std::unique_ptr<KernelPipe> KernelPipe::make() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  std::unique_ptr<KernelPipe> pipe{new KernelPipe(ends[0], ends[1])};
  if (::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(size)) < 0 &&
      ::fcntl(ends[1], F_GETPIPE_SZ) < static_cast<int>(smallest)) {
    return nullptr;
  }
  return pipe;
}

std::unique_ptr<KernelPipe> KernelPipes::take() {
  if (lent_ >= most_) return nullptr;
  std::unique_ptr<KernelPipe> pipe;
  if (!spare_.empty()) {
    pipe = std::move(spare_.back());
    spare_.pop_back();
  } else if (resting_ > 0) {
    --resting_;
  } else if (pipe = KernelPipe::make(); !pipe) {
    resting_ = rests;
  }
  if (pipe) ++lent_;
  return pipe;
}

void KernelPipes::give_back(std::unique_ptr<KernelPipe> pipe) {
  if (!pipe) return;
  --lent_;
  if (pipe->held() == 0 && spare_.size() < kept) spare_.push_back(std::move(pipe));
}

}  // namespace weir::net
