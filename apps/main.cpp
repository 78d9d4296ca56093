// plait: one program, subcommands. Whatever goes wrong ends here as one message and an exit code (engine/error.h).
#include <cstdio>
#include <exception>
#include <new>

#include "apps/command.h"
#include "apps/version.h"
#include "engine/error.h"

namespace {

int report(const char* message, plait::ExitCode code) {
  std::fprintf(stderr, "plait: %s\n", message);
  return static_cast<int>(code);
}

int run(int argc, char** argv) {
  CLI::App app("plait braids a patient's clinical table, medical image and genomic profile into one prediction.",
               "plait");
  app.set_version_flag("--version", std::string("plait ") + plait::version);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  app.footer(
      "Exit codes: 0 done, 1 internal error, 2 wrong usage or configuration, 3 bad data, 4 storage, 5 device or "
      "memory,\n"
      "6 numeric failure, 7 a peer rank failed, 143 terminated.\n"
      "`plait SUBCOMMAND --help` explains each.");

  plait::Command command;
  plait::add_check(app, command);
  plait::add_train(app, command);
  plait::add_evaluate(app, command);
  plait::add_predict(app, command);
  plait::add_info(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version are exceptions too; CLI11 prints both and our codes take the place of its own.
    return app.exit(error) == 0 ? 0 : static_cast<int>(plait::ExitCode::usage);
  }
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const plait::Error& error) {
    return report(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return report("out of memory; use a smaller train.batch_size or a smaller cohort", plait::ExitCode::device);
  } catch (const std::exception& error) {
    return report(error.what(), plait::ExitCode::internal);
  }
}
