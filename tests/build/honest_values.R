# Values as R writes them, into the folder that is named. The word before the first dash of a name says what they are.
folder <- commandArgs(TRUE)[1]
set.seed(1)
d <- data.frame(x = rnorm(20), g = factor(rep(c("a", "b"), 10)), s = letters[1:20])
d$y <- d$x * 2 + rnorm(20)
d$b <- rbinom(20, 1, 0.5)
inside <- function(d, unused = nrow(d)) lm(y ~ poly(x, 2), data = d)
squared <- function(x) x^2 + 1
values <- list(
  frame = d, lm = lm(y ~ x + g, d), inside = inside(d), sequence = 1:10, numbers = as.character(1:50),
  list = list(1L, "a\n\t\"\\\u00fc", NULL, TRUE, NA, NA_real_, -Inf, NaN, 2.5, 1i, as.raw(1:20), c(a = 1), NA_character_),
  pca = prcomp(d[, c("x", "y")]), kmeans = kmeans(d$x, 2), loess = loess(y ~ x, d), hclust = hclust(dist(d$x)),
  time = Sys.time(), squared = squared, table = table(d$g), array = array(1:24, 2:4), date = as.Date("2026-01-01"),
  aov = aov(y ~ g, d), formula = y ~ log(x) | g, call = quote(f(x, y = 2)), deep = Reduce(function(a, b) list(a, b), 1:500)
)
for (name in names(values)) {
  saveRDS(values[[name]], file.path(folder, paste0("clean-", name, ".rds")))
  saveRDS(values[[name]], file.path(folder, paste0("clean-", name, "-text.rds")), ascii = TRUE, compress = "xz")
  saveRDS(values[[name]], file.path(folder, paste0("clean-", name, "-two.rds")), version = 2, compress = "bzip2")
  native <- file(file.path(folder, paste0("clean-", name, "-native.rds")), "wb")
  serialize(values[[name]], native, xdr = FALSE)
  close(native)
}
save(d, squared, file = file.path(folder, "clean-all.RData"))
save(d, squared, file = file.path(folder, "clean-all-text.RData"), ascii = TRUE)
save(d, file = file.path(folder, "clean-all-two.rda"), version = 2)
code <- list(
  nls = nls(y ~ a * x, d, start = list(a = 1)),
  bytecode = compiler::cmpfun(function(x) { for (i in x) print(i); switch(x, a = 1, 2) }),
  stranger = function(x) frobnicate(x)
)
for (name in names(code)) saveRDS(code[[name]], file.path(folder, paste0("code-", name, ".rds")))
e <- new.env()
makeActiveBinding("b", function() 1, e)
saveRDS(e, file.path(folder, "code-active.rds"))
delayedAssign("p", system("echo hello"), assign.env = e)
saveRDS(e, file.path(folder, "evil-promise.rds"))
saveRDS(y ~ system("echo hello"), file.path(folder, "evil-formula.rds"))
