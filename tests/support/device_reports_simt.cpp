#include <unistd.h>

#include <csignal>

#include "kernels/simt/options.h"
#include "tests/support/device_test.h"

namespace plait::testing {
namespace {

struct sigaction on_fault, on_abort;  // before

// A wrong address may end the program before its test can say what the checker has found.
void say_findings(int signal) {
  simt::write_reports(STDERR_FILENO);
  sigaction(signal, signal == SIGSEGV ? &on_fault : &on_abort, nullptr);  // the access is tried again, abort goes on
}

const bool installed = [] {
  struct sigaction action {};
  action.sa_handler = say_findings;
  return sigaction(SIGSEGV, &action, &on_fault) == 0 && sigaction(SIGABRT, &action, &on_abort) == 0;
}();

}  // namespace

std::vector<std::string> take_device_reports() {
  return simt::take_reports();
}

bool reports_wrong_addresses() {
  return simt::has_hooks();
}

}  // namespace plait::testing
