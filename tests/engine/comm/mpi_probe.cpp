// What an MPI library and its launcher do to the others when a rank dies. No test: a program to run by hand where the
// MPI is another one than that of docs/distributed.md, which says what was seen.
//   mpirun -n 3 [--enable-recovery] mpi_probe FOLDER kill|stop|exit|fail|finalize|hang [seconds]
// Rank 1 exchanges messages with the others for a second, then: kill -9 of itself, SIGSTOP, exit(0) or exit(3) without
// MPI_Finalize, exit(3) after it, or nothing but sleep. Each other rank goes on with a non-blocking exchange that it
// tests for `seconds` (8), then ends by _exit(7); FOLDER/rank-<r>.log says when what came: signals, MPI's errors.
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point start;
std::FILE* log_file = nullptr;
volatile std::sig_atomic_t signals[65];

void say(const std::string& text) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::fprintf(log_file, "%7.3f s: %s\n", seconds, text.c_str());
  std::fflush(log_file);
}

extern "C" void count_signal(int signal) {
  signals[signal] = signals[signal] + 1;
}

void say_signals() {
  for (const int signal : {SIGTERM, SIGCONT, SIGINT, SIGHUP, SIGUSR1}) {
    if (signals[signal] == 0) continue;
    signals[signal] = 0;
    say("signal " + std::to_string(signal) + " (" + strsignal(signal) + ")");
  }
}

std::string text_of(int error) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(error, text, &length);
  return {text, static_cast<std::size_t>(length)};
}

// Everybody sends an int to everybody; false when it has not ended after so many seconds.
bool exchange(int rank, int size, double seconds) {
  std::vector<int> received(static_cast<std::size_t>(size));
  std::vector<MPI_Request> requests;
  for (int peer = 0; peer < size; ++peer) {
    if (peer == rank) continue;
    MPI_Irecv(&received[static_cast<std::size_t>(peer)], 1, MPI_INT, peer, 0, MPI_COMM_WORLD, &requests.emplace_back());
    const int error = MPI_Isend(&rank, 1, MPI_INT, peer, 0, MPI_COMM_WORLD, &requests.emplace_back());
    if (error != MPI_SUCCESS) say("MPI_Isend to " + std::to_string(peer) + ": " + text_of(error));
  }
  const Clock::time_point begin = Clock::now();
  std::string last;
  for (;;) {
    int done = 0;
    const int error = MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE);
    if (error != MPI_SUCCESS && text_of(error) != last) say("MPI_Testall: " + (last = text_of(error)));
    say_signals();
    if (done != 0) return true;
    if (std::chrono::duration<double>(Clock::now() - begin).count() > seconds) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string what = argv[2];
  const double seconds = argc > 3 ? std::atof(argv[3]) : 8;
  int provided = 0, rank = 0, size = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  for (const int signal : {SIGTERM, SIGCONT, SIGINT, SIGHUP, SIGUSR1}) std::signal(signal, count_signal);
  log_file = std::fopen((std::string(argv[1]) + "/rank-" + std::to_string(rank) + ".log").c_str(), "w");
  MPI_Barrier(MPI_COMM_WORLD);
  start = Clock::now();
  say("process " + std::to_string(getpid()) + ", parent " + std::to_string(getppid()) +
      (provided == MPI_THREAD_MULTIPLE ? ", MPI_THREAD_MULTIPLE" : ", fewer threads than asked for"));

  while (Clock::now() - start < std::chrono::seconds(1)) {
    exchange(rank, size, 5);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (rank == 1) {
    say(what);
    if (what == "kill") kill(getpid(), SIGKILL);
    if (what == "stop") kill(getpid(), SIGSTOP);
    if (what == "exit") std::exit(0);
    if (what == "fail") std::exit(3);
    if (what == "finalize") {
      MPI_Finalize();
      say("MPI_Finalize has returned");
      std::exit(3);
    }
    for (;;) {  // hang, or stopped and woken up
      say_signals();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  say(exchange(rank, size, seconds) ? "the exchange has ended" : "the exchange did not end");
  say("parent " + std::to_string(getppid()) + ", _exit(7)");
  _exit(7);
}
