// Styles of packages, which the build bundles.
declare module "*.css";
