// The process group of an MPI launcher: MPI is started, ranks get to know each other's machines and processes, and the
// watchdog looks after them from then on.
#include <mpi.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "engine/comm/launcher.h"
#include "engine/comm/local_group.h"
#include "engine/comm/mpi_communicator.h"
#include "engine/comm/mpi_error.h"
#include "engine/comm/mpi_heartbeats.h"
#include "engine/error.h"

namespace plait {
namespace {

// What a rank tells of itself at the start.
struct Introduction {
  pid_t process = 0;
  std::array<char, 256> machine{};
  std::array<char, 192> space{};  // process_space()
};

template <std::size_t n>
void put(std::array<char, n>& field, const std::string& text) {
  std::strncpy(field.data(), text.c_str(), n - 1);
}

std::vector<Introduction> introduce(int size) {
  Introduction own{.process = getpid()};
  put(own.machine, machine_name());
  put(own.space, process_space());
  std::vector<Introduction> all(static_cast<std::size_t>(size));
  check_mpi(MPI_Allgather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, MPI_COMM_WORLD));
  return all;
}

bool agreed_end(int code) {
  return code == static_cast<int>(ExitCode::done) || code == static_cast<int>(ExitCode::interrupted) ||
         code == static_cast<int>(ExitCode::terminated);
}

class MpiGroup final : public ProcessGroup {
 public:
  MpiGroup() {
    int started = 0, threads = 0;
    check_mpi(MPI_Initialized(&started));
    check(started == 0, "a process joins its ranks once");
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &threads));
    if (threads < MPI_THREAD_MULTIPLE)
      fail_usage("this MPI library does not support calls from several threads (MPI_THREAD_MULTIPLE)");
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_));

    const std::vector<Introduction> ranks = introduce(size_);
    const Introduction& own = ranks[static_cast<std::size_t>(rank_)];
    std::vector<PeerProcess> processes;
    for (int rank = 0; rank < size_; ++rank) {
      const Introduction& it = ranks[static_cast<std::size_t>(rank)];
      machines_.emplace_back(it.machine.data());
      if (rank < rank_ && machines_.back() == own.machine.data()) ++local_rank_;
      const bool near = own.space[0] != '\0' && it.space == own.space;
      if (near && rank != rank_)
        processes.emplace_back(it.process);
      else
        processes.emplace_back();
    }
    host_ = std::make_unique<MpiCommunicator>(MPI_COMM_WORLD);
    watchdog_ = std::make_unique<Watchdog>(rank_, machines_, std::move(processes));
    watchdog_->observe(*host_);
    heartbeats_ = std::make_unique<MpiHeartbeats>(MPI_COMM_WORLD, *watchdog_);
  }
  ~MpiGroup() override { leave(static_cast<int>(ExitCode::internal)); }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  const std::string& machine(int rank) const override { return machines_.at(static_cast<std::size_t>(rank)); }
  Communicator& host() override { return *host_; }
  void watch(Watch watch) override { watchdog_->configure(std::move(watch)); }
  void observe(ObservedCommunicator& communicator) override { watchdog_->observe(communicator); }
  bool peer_lost() const override { return watchdog_->peer_lost(); }

  void leave(int code) noexcept override {
    if (agreed_end(code)) return leave_together(code);
    if (!std::exchange(left_, true)) leave_alone(code);
  }

  void leave_together(int code) noexcept override {
    if (std::exchange(left_, true)) return;
    host_->close();
    watchdog_->say_goodbye();
    // No time limit: the last rank may have long to write. The watchdog is awake.
    while (!heartbeats_->wait_told(0.02) || !watchdog_->all_said_goodbye()) usleep(5000);
    watchdog_->stop();
    const bool stopped = heartbeats_->stop();
    if (!stopped) static_cast<void>(heartbeats_.release());
    if (stopped && code == static_cast<int>(ExitCode::done)) finalize();
  }

 private:
  // Waits for the peers too, and one may die even now, with nobody left to notice. This rank has done all it had to do.
  static void finalize() {
    std::atomic<bool> done = false;
    std::thread guard([&] {
      for (int i = 0; i < 1000 && !done; ++i) usleep(10000);
      if (!done) _exit(static_cast<int>(ExitCode::done));
    });
    std::fflush(nullptr);
    MPI_Finalize();
    done = true;
    guard.join();
  }

  // MPI_Finalize would wait for the peers, MPI_Abort would kill them before they can say why they leave.
  void leave_alone(int code) {
    // An error that a lost peer has caused: the watchdog finds out which, and ends the process.
    if (code == static_cast<int>(ExitCode::peer)) usleep(static_cast<useconds_t>(watchdog_->patience_s() * 1e6));
    host_->close();
    watchdog_->say_failed(code);
    heartbeats_->wait_told(1);
    if (heartbeats_->stop()) return;
    static_cast<void>(heartbeats_.release());  // their thread is stuck in MPI, and uses both
    static_cast<void>(watchdog_.release());
  }

  int rank_ = 0, size_ = 1, local_rank_ = 0;
  bool left_ = false;
  std::vector<std::string> machines_;
  std::unique_ptr<MpiCommunicator> host_;
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<MpiHeartbeats> heartbeats_;  // uses the watchdog, so it ends first
};

}  // namespace

std::unique_ptr<ProcessGroup> ProcessGroup::join() {
  const auto launch = launch_environment();
  if (!launch || launch->size == 1) return std::make_unique<LocalGroup>();
  return std::make_unique<MpiGroup>();
}

}  // namespace plait
