#include "io/data/background_worker.h"

#include <utility>

#include "engine/error.h"
#include "kernels/cpu/parallel.h"

namespace plait {

BackgroundWorker::BackgroundWorker(std::function<void(std::int64_t)> work)
    : work_(std::move(work)), thread_([this] { run(); }) {}

BackgroundWorker::~BackgroundWorker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundWorker::start(std::int64_t number) {
  {
    const std::lock_guard lock(mutex_);
    check(!busy_, "[background worker] started while busy");
    number_ = number;
    busy_ = true;
  }
  changed_.notify_all();
}

std::exception_ptr BackgroundWorker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !busy_; });
  return std::exchange(thrown_, nullptr);
}

void BackgroundWorker::finish() {
  if (const std::exception_ptr thrown = wait()) std::rethrow_exception(thrown);
}

void BackgroundWorker::abandon() {
  wait();
}

void BackgroundWorker::run() {
  cpu::run_serially_on_this_thread();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return busy_ || stop_; });
    if (stop_) return;
    lock.unlock();
    std::exception_ptr thrown;
    try {
      work_(number_);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    thrown_ = thrown;
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace plait
