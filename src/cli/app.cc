// What becomes of a command line: parsing, running, errors and exit codes. Programs share it.
#include <cstdio>
#include <exception>
#include <new>
#include <set>
#include <string>
#include <string_view>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"

namespace cobra {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kInterrupted = 130;  // what a shell reports for a program that SIGINT ended

/// By these names options say in their help that they take a path.
const std::set<std::string> kPathTypes = {"FILE",        "DIR",       "RESULTS",   "CASES",
                                          "RECIPE.json", "GRID.json", "DATA.json", "OUT.json"};

int report(std::string_view message, int exit_code) {
  std::fflush(stdout);
  say_error(message);
  return exit_code;
}

int report_usage(const CLI::App& app, std::string_view message) {
  std::string command = app.get_name();
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands()[0];
    command += " " + at->get_name();
  }
  return report(fmt::format("{} (see '{} --help')", message, command), kWrongUsage);
}

/// CLI11 would only say that a subcommand is required.
void check_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2) throw UsageError("a command is needed");
  const CLI::App* at = &app;
  for (int i = 1; i < argc && at->get_require_subcommand_min() > 0; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-')) return;
    const auto named = at->get_subcommands([&](const CLI::App* known) { return known->get_name() == word; });
    if (named.empty()) throw UsageError(fmt::format("'{}' is not a command", printable(word)));
    at = named.front();
  }
}

/// What a shell gives for a variable that is not set would otherwise be a file without a name.
void refuse_empty_paths(CLI::App& app) {
  const CLI::Validator named([](const std::string& path) { return path.empty() ? "the name is empty" : ""; },
                             "");
  for (CLI::Option* option : app.get_options()) {
    if (kPathTypes.contains(option->get_type_name())) option->check(named);
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_paths(*command);
}

/// CLI11 reports --help and --version as exceptions that carry the exit code 0.
void parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw;
    app.exit(error);
  }
}

}  // namespace

int run_app(CLI::App& app, int argc, const char* const* argv) {
  try {
    check_command(app, argc, argv);
    refuse_empty_paths(app);
    parse(app, argc, argv);
    flush_output();
    return 0;
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error.what());
  } catch (const UsageError& error) {
    return report_usage(app, error.what());
  } catch (const Interrupted&) {
    return kInterrupted;
  } catch (const std::bad_alloc&) {
    return report("not enough memory", kFailed);
  } catch (const std::exception& error) {
    return report(error.what(), kFailed);
  }
}

}  // namespace cobra
