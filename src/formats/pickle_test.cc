// Tests of pickle.h and torch_tree.h: the opcodes, the allow-list, the limits against hostile programs.
#include "formats/pickle.h"

#include <gmock/gmock.h>

#include "formats/torch_test_file.h"
#include "formats/torch_tree.h"

namespace cobra {
namespace {

using testing::as_bytes;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::raw;
namespace op = testing::op;

pickle::Tree run(const std::string& body) { return pickle::run(as_bytes(op::program(body)), "p"); }

std::string error(const std::string& body) {
  return error_of([&] { run(body); });
}

std::string list_error(const std::string& body) {
  return error_of([&] { list_tensors(run(body), "p"); });
}

std::vector<std::string> names(const std::string& body) {
  std::vector<std::string> found;
  for (const NamedTensor& tensor : list_tensors(run(body), "p")) found.push_back(tensor.name);
  return found;
}

template <typename T>
T value(const std::string& body) {
  const pickle::Tree tree = run(body);
  return std::get<T>(tree[tree.root]);
}

const std::string kStorage = op::storage("FloatStorage", "0", 6);
const std::string kTensor = op::tensor(kStorage, 0, {2, 3}, {3, 1});

TEST(Pickle, Numbers) {
  EXPECT_EQ(value<int64_t>("K\xff"), 255);
  EXPECT_EQ(value<int64_t>("M\x01\x02"), 0x201);
  EXPECT_EQ(value<int64_t>("J" + raw(int32_t{-5})), -5);
  EXPECT_EQ(value<int64_t>(std::string("\x8a\0", 2)), 0);
  EXPECT_EQ(value<int64_t>("\x8a\x01\xff"), -1);
  EXPECT_EQ(value<int64_t>(std::string("\x8a\x02\xff\0", 4)), 255);
  EXPECT_EQ(value<int64_t>("\x8a\x08" + raw(INT64_MIN)), INT64_MIN);
  EXPECT_EQ(value<double>(std::string("G\xbf\xe0\0\0\0\0\0\0", 9)), -0.5);
  EXPECT_TRUE(value<bool>("\x88"));
  EXPECT_FALSE(value<bool>("\x89"));
  EXPECT_THAT(error("\x8a\x09" + std::string(9, '\1')), HasSubstr("an integer of 9 bytes"));
}

TEST(Pickle, TextOfEveryLengthField) {
  EXPECT_EQ(value<std::string>("\x8c\x02hi"), "hi");
  EXPECT_EQ(value<std::string>(op::text("hi")), "hi");
  EXPECT_EQ(value<std::string>("\x8d" + raw(uint64_t{2}) + "hi"), "hi");
  EXPECT_THAT(error("\x8d" + raw(UINT64_MAX) + "hi"), HasSubstr("a string needs 18446744073709551615 bytes"));
}

/// What Python 2's pickle.dump(value) writes.
TEST(Pickle, ProtocolZero) {
  EXPECT_EQ(value<int64_t>("I-12\n"), -12);
  EXPECT_TRUE(value<bool>("I01\n"));
  EXPECT_FALSE(value<bool>("I00\n"));
  EXPECT_EQ(value<int64_t>("L9000000000L\n"), 9000000000);
  EXPECT_EQ(value<double>("F-0.5\n"), -0.5);
  EXPECT_EQ(value<std::string>("S'it\\'s \\x41\\n'\n"), "it's A\n");
  EXPECT_EQ(value<std::string>("S\"it's\"\n"), "it's");
  EXPECT_EQ(value<std::string>("Vcaf\xe9 \\u65e5\\U0001f600\n"), "caf\u00e9 \u65e5\U0001f600");
  EXPECT_EQ(value<std::string>("U\x02hi"), "hi");
  EXPECT_EQ(value<std::string>("T" + raw(uint32_t{2}) + "hi"), "hi");
  EXPECT_EQ(value<pickle::List>("(lp0\nI1\naI2\na").items.size(), 2U);
  EXPECT_EQ(value<pickle::Dict>("(dp0\nS'a'\np1\nI1\nsS'b'\ng1\ns").items.size(), 2U);
  EXPECT_EQ(value<pickle::Dict>("(S'a'\nI1\nd").items.size(), 1U);
}

TEST(Pickle, BrokenLinesAreErrors) {
  EXPECT_THAT(error("I1"), HasSubstr("INT at byte 2 has no end of line"));
  EXPECT_THAT(error("I1x\n"), HasSubstr("p: byte 2: '1x' is not an integer"));
  EXPECT_THAT(error("L99999999999999999999L\n"), HasSubstr("is not an integer"));
  EXPECT_THAT(error("F\n"), HasSubstr("is not a number"));
  EXPECT_THAT(error("Sx\n"), HasSubstr("a string without quotes"));
  EXPECT_THAT(error("S'\n"), HasSubstr("a string without quotes"));
  EXPECT_THAT(error("S'\\'\n"), HasSubstr("an escape is cut short"));
  EXPECT_THAT(error("S'\\q'\n"), HasSubstr("unknown escape '\\q'"));
  EXPECT_THAT(error("S'\\xff'\n"), HasSubstr("a byte string that is not ASCII"));
  EXPECT_THAT(error("V\\ud800\n"), HasSubstr("U+D800 is no character"));
  EXPECT_THAT(error("V\\u12\n"), HasSubstr("an escape is cut short"));
  EXPECT_THAT(error("Np-1\n"), HasSubstr("memo index -1 is negative"));
  EXPECT_THAT(error("(I1\nd"), HasSubstr("a dict key without a value"));
}

TEST(Pickle, TensorsInDictsListsAndTuples) {
  EXPECT_THAT(names(kTensor), ElementsAre(""));
  EXPECT_THAT(
      names(op::dict(op::text("a") + kTensor + op::text("b") + op::ordered_dict(op::text("c.d") + kTensor))),
      ElementsAre("a", "b/c.d"));
  EXPECT_THAT(names("](" + kTensor + "K\x01" + kTensor + "e"), ElementsAre("0", "2"));
  EXPECT_THAT(names("]" + kTensor + "a"), ElementsAre("0"));
  EXPECT_THAT(names("}" + op::integer(7) + kTensor + "\x85" + "s"), ElementsAre("7/0"));
  EXPECT_THAT(names(kTensor + kTensor + "\x86"), ElementsAre("0", "1"));
  EXPECT_THAT(names(kTensor + kTensor + kTensor + "\x87"), ElementsAre("0", "1", "2"));
}

TEST(Pickle, ProtocolFourAsTorchCanWriteIt) {
  const std::string framed = "\x95" + raw(uint64_t{99}) +
                             "\x8c\x0b"
                             "collections"
                             "\x94"
                             "\x8c\x0b"
                             "OrderedDict"
                             "\x94"
                             "\x93\x94)R\x94" +
                             "\x8c\x01k"
                             "\x94" +
                             kTensor + "s" +
                             "h\x03"
                             "0";
  EXPECT_THAT(names(framed), ElementsAre("k"));
}

TEST(Pickle, ParametersAreTheirData) {
  const std::string hooks = op::ordered_dict("");
  const std::string parameter =
      op::global("torch._utils", "_rebuild_parameter") + op::tuple(kTensor + "\x88" + hooks) + "R";
  EXPECT_THAT(names(op::dict(op::text("w") + parameter)), ElementsAre("w"));
  EXPECT_THAT(error(op::global("torch._utils", "_rebuild_parameter") + op::tuple("NN" + hooks) + "R"),
              HasSubstr("a parameter's data must be a tensor, found None"));
}

TEST(Pickle, MetadataOfAStateDictIsIgnored) {
  const std::string state = op::dict(op::text("_metadata") + op::ordered_dict(op::text("x") + kTensor));
  EXPECT_THAT(names(op::ordered_dict(op::text("w") + kTensor) + state + "b"), ElementsAre("w"));
  EXPECT_THAT(error(kTensor + state + "b"), HasSubstr("expected a dict to put state on"));
  EXPECT_THAT(error("}K\x01"
                    "b"),
              HasSubstr("expected a dict as state"));
}

TEST(Pickle, OtherGlobalsAreRefusedByName) {
  EXPECT_THAT(error(op::global("os", "system") + op::tuple(op::text("true")) + "R"),
              HasSubstr("global 'os.system' is not allowed"));
  EXPECT_THAT(error("\x8c\x05posix\x8c\x06system\x93"), HasSubstr("global 'posix.system' is not allowed"));
  EXPECT_THAT(error(op::global("torch", "FloatStorage\r")), HasSubstr("'torch.FloatStorage\\x0d'"));
  EXPECT_THAT(error(op::global("builtins", "eval")), HasSubstr("'builtins.eval'"));
  EXPECT_THAT(error("cno end of line"), HasSubstr("GLOBAL at byte 2 has no end of line"));
}

TEST(Pickle, OtherOpcodesAreRefusedByName) {
  EXPECT_THAT(error("(ios\nsystem\n"), HasSubstr("opcode INST (0x69) at byte 3 is not allowed"));
  EXPECT_THAT(error("))\x81"), HasSubstr("opcode NEWOBJ (0x81) at byte 4"));
  EXPECT_THAT(error("\x82\x01"), HasSubstr("opcode EXT1"));
  EXPECT_THAT(error("C\x01x"), HasSubstr("opcode SHORT_BINBYTES"));
  EXPECT_THAT(error("\xff"), HasSubstr("opcode unknown (0xff)"));
  EXPECT_THAT(error("\x80\x06"), HasSubstr("pickle protocol 6 is not supported"));
}

TEST(Pickle, BrokenProgramsAreErrors) {
  EXPECT_THAT(error_of([] { pickle::run({}, "p"); }), HasSubstr("p: the next opcode needs 1 bytes"));
  EXPECT_THAT(error(""), HasSubstr("the stack has too few values"));
  EXPECT_THAT(error("K\x01(0"), HasSubstr("too few values"));  // below a mark
  EXPECT_THAT(error("t"), HasSubstr("no mark on the stack"));
  EXPECT_THAT(error("]K\x01K\x02s"), HasSubstr("expected a dict at byte"));
  EXPECT_THAT(error("}(K\x01u"), HasSubstr("a dict key without a value"));
  EXPECT_THAT(error("h\x05"), HasSubstr("memo 5 is read at byte 2 before it is set"));
  EXPECT_THAT(error("Nr" + raw(UINT32_MAX)), HasSubstr("memo index 4294967295"));
  EXPECT_THAT(error("K\x01)R"), HasSubstr("expected a callable at byte"));
  EXPECT_THAT(error(op::global("torch", "FloatStorage") + ")R"), HasSubstr("expected a callable"));
  EXPECT_THAT(error(op::global("collections", "OrderedDict") + op::tuple("N") + "R"),
              HasSubstr("takes no arguments"));
}

TEST(Pickle, WrongTensorsAreErrors) {
  EXPECT_THAT(error("NQ"), HasSubstr("a persistent id must be a tuple, found None"));
  EXPECT_THAT(error(op::tuple("N") + "Q"), HasSubstr("must have 5 items, found 1"));
  EXPECT_THAT(error(op::tuple(op::text("module") + "NNNN") + "Q"),
              HasSubstr("must be 'storage', found 'module'"));
  EXPECT_THAT(error(op::storage("FloatStorage", "0", -1)),
              HasSubstr("number of elements must not be negative, found -1"));
  EXPECT_THAT(error(op::storage("FloatStorage", std::string(65, '0'), 1)),
              HasSubstr("has 65 bytes, expected 1 to 64"));
  EXPECT_THAT(error(op::tensor("N", 0, {}, {})),
              HasSubstr("a tensor's storage must be a storage, found None"));
  EXPECT_THAT(error(op::tensor(kStorage, -1, {}, {})), HasSubstr("storage offset must not be negative"));
  EXPECT_THAT(error(op::tensor(kStorage, 0, {-1}, {1})), HasSubstr("size must not be negative, found -1"));
  EXPECT_THAT(error(op::tensor(kStorage, 0, {2}, {-1})), HasSubstr("stride must not be negative, found -1"));
  EXPECT_THAT(error(op::tensor(kStorage, 0, {2, 3}, {1})), HasSubstr("2 sizes but 1 strides"));
  EXPECT_THAT(error(op::tensor(kStorage, 0, std::vector<int64_t>(65, 1), {})),
              HasSubstr("has 65 values, at most 64"));
}

TEST(Pickle, SharedListsCannotExplode) {
  std::string bomb = "]";  // each level is a tuple of twice the level below: 2^40 leaves
  for (int level = 0; level < 40; ++level) bomb += "q\x01h\x01\x86";
  EXPECT_THAT(list_error(bomb), HasSubstr("counting shared ones each time"));
}

TEST(Pickle, CyclesAndDepthAreRefused) {
  EXPECT_THAT(list_error("]q\x01h\x01"
                         "a"),
              HasSubstr("nested deeper than 64 levels"));
  EXPECT_THAT(list_error("}q\x01" + op::text("k") + "h\x01s"),
              HasSubstr("nested deeper than 64 levels at 'k/k/k/"));
  std::string deep(100'000, ']');
  for (int i = 0; i < 99'999; ++i) deep += "a";
  EXPECT_THAT(list_error(deep), HasSubstr("nested deeper than 64 levels"));
}

TEST(Pickle, ResourcesAreLimited) {
  EXPECT_THAT(error(std::string((1 << 20) + 1, 'N')), HasSubstr("more than 1048576 values"));
  EXPECT_THAT(error_of([] { pickle::run(as_bytes(std::string((32 << 20) + 1, 'N')), "p"); }),
              HasSubstr("above the limit"));
  std::string gets = "Nq";
  gets += '\0';
  for (int i = 0; i < 1 << 20; ++i) gets.append("h\0", 2);
  EXPECT_THAT(error(gets), HasSubstr("values on the stack"));
  std::string tensors = op::global("torch._utils", "_rebuild_tensor_v2") + "q\x01" +
                        op::tuple(kStorage + "K\x01))\x89N") + "q\x02";
  for (int i = 0; i < 70'000; ++i) tensors += "h\x01h\x02R0";
  EXPECT_THAT(error(tensors), HasSubstr("more than 65536 tensors"));
}

TEST(Pickle, NamesAreLimited) {
  EXPECT_THAT(list_error(op::dict(op::text(std::string(1025, 'k')) + kTensor)),
              HasSubstr("longer than 1024 bytes"));
  EXPECT_THAT(list_error(op::dict("N" + kTensor)),
              HasSubstr("key under '' must be a string or an integer, found None"));
}

}  // namespace
}  // namespace cobra
