// plait: one program, subcommands. Whatever goes wrong ends here as one message and an exit code (engine/error.h).
#include <sys/stat.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "apps/command.h"
#include "apps/report.h"
#include "engine/error.h"
#include "kernels/gpu_failure.h"

int main(int argc, char** argv) {
  umask(077);  // whatever the shell says: what is written about patients is for the owner alone
  try {
    const int code = plait::run_command_line(argc, argv);
    // A full disk behind a redirection shows only here.
    if (std::fflush(stdout) != 0) plait::fail_storage("standard output cannot be written; is the disk full?");
    return code;
  } catch (const plait::Error& error) {
    return plait::report(error.what(), error.code());
  } catch (const plait::gpu::Failure& failure) {
    return plait::report(failure.what(), plait::ExitCode::device);
  } catch (const std::bad_alloc&) {
    return plait::report("out of memory; use a smaller train.batch_size or a smaller cohort", plait::ExitCode::device);
  } catch (const std::system_error& error) {  // of files and streams: printing to a full disk ends here
    return plait::report(std::string("reading or writing failed: ") + error.what(), plait::ExitCode::storage);
  } catch (const std::exception& error) {
    return plait::report(error.what(), plait::ExitCode::internal);
  }
}
