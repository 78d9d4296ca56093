#include "study/experiment/workers.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "engine/error.h"

namespace plait {
namespace {

constexpr int kStopCheckMs = 200;

struct Child {
  pid_t process = -1;
  int message = -1;  // reading end: what a failed job says, closed when the child ends
  std::size_t job = 0;
  std::string said;
};

int exit_code_of(const std::function<void()>& work, std::string& message) {
  try {
    work();
    return 0;
  } catch (const Error& error) {
    message = error.what();
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    message = "out of memory; run fewer jobs at once (--jobs)";
    return static_cast<int>(ExitCode::device);
  } catch (const std::exception& error) {
    message = error.what();
    return static_cast<int>(ExitCode::internal);
  }
}

[[noreturn]] void be_child(pid_t parent, int message_end, const std::function<void()>& work) {
  // A parent that is killed takes its children along; one that died in between is noticed by its id.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(static_cast<int>(ExitCode::internal));
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole group; the parent decides
  std::string message;
  const int code = exit_code_of(work, message);
  for (std::size_t sent = 0; sent < message.size();) {
    const ssize_t count = write(message_end, message.data() + sent, message.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  _exit(code);  // no destructors, no flush of what the parent's streams hold
}

class Pool {
 public:
  Pool() = default;
  ~Pool() {
    for (const Child& child : children_) kill(child.process, SIGKILL);
    while (!children_.empty()) reap(0);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  std::size_t size() const { return children_.size(); }

  void start(std::size_t job, const std::function<void(std::size_t)>& work) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) fail_device("no pipe for a job's process; are too many files open?");
    std::fflush(nullptr);  // or the child's copy of a buffer could be written twice
    const pid_t parent = getpid(), process = fork();
    if (process < 0) {
      close(ends[0]), close(ends[1]);
      fail_device("no process for a job can be started; run fewer at once (--jobs)");
    }
    if (process == 0) {
      close(ends[0]);
      be_child(parent, ends[1], [&] { work(job); });
    }
    close(ends[1]);
    children_.push_back({.process = process, .message = ends[0], .job = job, .said = {}});
  }

  // Waits a little for something to happen; the index of a child that has ended, or size().
  std::size_t wait() {
    std::vector<pollfd> ends;
    for (const Child& child : children_) ends.push_back({.fd = child.message, .events = POLLIN, .revents = 0});
    if (poll(ends.data(), ends.size(), kStopCheckMs) <= 0) return children_.size();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].revents == 0) continue;
      std::array<char, 4096> text{};
      const ssize_t count = read(children_[i].message, text.data(), text.size());
      if (count == 0) return i;
      if (count > 0) children_[i].said.append(text.data(), static_cast<std::size_t>(count));
    }
    return children_.size();
  }

  struct Ended {
    std::size_t job;
    int status;
    std::string said;
  };
  Ended reap(std::size_t index) {
    const Child child = children_[index];
    int status = 0;
    while (waitpid(child.process, &status, 0) < 0 && errno == EINTR) continue;
    close(child.message);
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
    return {child.job, status, child.said};
  }

 private:
  std::vector<Child> children_;
};

[[noreturn]] void fail_job(const std::string& name, int status, const std::string& said) {
  if (WIFEXITED(status)) throw Error(static_cast<ExitCode>(WEXITSTATUS(status)), name + ": " + said);
  const int signal = WTERMSIG(status);
  if (signal == SIGKILL)
    fail_device(name + ": its process was killed, most likely for want of memory; run fewer jobs at once (--jobs)");
  throw Error(ExitCode::internal, name + ": its process was ended by signal " + std::to_string(signal));
}

}  // namespace

bool run_workers(const std::vector<std::size_t>& jobs, std::size_t at_once,
                 const std::function<void(std::size_t)>& work, const std::function<std::string(std::size_t)>& name,
                 const WorkerHooks& hooks) {
  check(at_once > 0, "[workers] at_once: nothing could run");
  Pool pool;
  std::size_t next = 0;
  while (next < jobs.size() || pool.size() > 0) {
    if (hooks.stop && hooks.stop()) return false;
    while (next < jobs.size() && pool.size() < at_once) pool.start(jobs[next++], work);
    const std::size_t ended = pool.wait();
    if (ended == pool.size()) continue;
    const Pool::Ended end = pool.reap(ended);
    if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0) fail_job(name(end.job), end.status, end.said);
    if (hooks.done) hooks.done(end.job);
  }
  return true;
}

}  // namespace plait
