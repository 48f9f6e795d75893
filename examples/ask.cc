// Several questions about one picture: the picture is read once, each question starts from a copy of that
// state.
//   ask MODEL.gguf PICTURE "question" ["question" ...]
#include <cobra/generate.h>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: ask MODEL.gguf PICTURE \"question\" [\"question\" ...]\n");
    return 2;
  }
  const cobra::Runtime runtime;
  const cobra::Model model = cobra::Model::load(argv[1], runtime);

  cobra::Session picture(model);
  picture.read_embeddings(model.embed(cobra::Image::load(argv[2])).view());

  for (int i = 3; i < argc; ++i) {
    cobra::Session session = picture.fork();
    cobra::GenerateOptions options;
    options.max_new_tokens = 32;
    options.on_text = [](std::string_view piece) {
      std::fwrite(piece.data(), 1, piece.size(), stdout);
      std::fflush(stdout);
      return true;
    };
    cobra::generate(session, model.encode_question(argv[i]), options);
    std::printf("\n");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "ask: %s\n", error.what());
  return 1;
}
