// One thread that does one piece of work at a time while its owner does something else.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace plait {

class BackgroundWorker {
 public:
  // `work` runs in the thread with the number that start() was given. Kernels that it calls run on that thread alone:
  // the other cores belong to whoever waits for the result.
  explicit BackgroundWorker(std::function<void(std::int64_t)> work);
  ~BackgroundWorker();  // waits for work under way
  BackgroundWorker(const BackgroundWorker&) = delete;
  BackgroundWorker& operator=(const BackgroundWorker&) = delete;

  void start(std::int64_t number);  // the work before has to be finished
  void finish();                    // waits; throws what the work threw
  void abandon();                   // waits; whatever the work threw is forgotten

 private:
  void run();
  std::exception_ptr wait();

  std::function<void(std::int64_t)> work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t number_ = 0;
  bool busy_ = false, stop_ = false;
  std::exception_ptr thrown_;
  std::thread thread_;
};

}  // namespace plait
